/* The bytes of a model: unchanged, and with the right checksum, which a fuzzer would not guess. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <fisher/extras.h>
#include <fisher/last_layer.h>

#include "fuzz.h"
#include "macros.h"

/* Bytes before the numbers. */
enum { HEADER_1 = 28, HEADER_2 = 36 };

static uint32_t checksum(const uint8_t *bytes, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* A model that was decoded can be used: it takes numbers, and gives as many as its shape says. */
static void use(const fi_model *model) {
    const fi_shape *shape = fi_model_shape(model);
    size_t width = fi_model_feature_count(model);
    FD_FREE float *embedding = calloc(shape->inputs, sizeof(*embedding));
    FD_FREE float *features = calloc(width, sizeof(*features));
    assert(embedding && features);
    int r = fi_model_features(model, 1, embedding, NULL, features);
    assert(r == 0);
    float reward;
    fi_model_rewards(model, 1, features, &reward);
    const fi_last_layer *layer = fi_model_last_layer(model);
    assert(!layer || layer->n_features == width);
    fi_information *known = NULL;
    r = layer ? fi_last_layer_information(layer, &known) : 0;
    assert(r == 0 || r == -EDOM);
    fi_information_free(known);
    FD_FREE float *raw = calloc(shape->extras + 1, sizeof(*raw));
    FD_FREE float *placed = calloc(shape->extras + 1, sizeof(*placed));
    assert(raw && placed);
    fi_model_place_extras(model, raw, NULL, placed);
}

static void decode(const uint8_t *bytes, size_t size) {
    fi_model *model = NULL;
    int r = fi_model_decode(bytes, size, &model);
    assert(r == 0 || r == -EBADMSG || r == -EPROTONOSUPPORT);
    assert((r == 0) == (model != NULL));
    if (r < 0)
        return;
    uint32_t crc = checksum(bytes, size - sizeof(crc));
    assert(memcmp(&crc, bytes + size - sizeof(crc), sizeof(crc)) == 0);
    FD_FREE uint8_t *again = NULL;
    size_t again_size = 0;
    r = fi_model_encode(model, &again, &again_size);
    size_t header = bytes[8] == 1 ? HEADER_1 : HEADER_2;
    assert(r == 0 && again_size - HEADER_2 == size - header);
    assert(memcmp(again + HEADER_2, bytes + header, size - header - sizeof(crc)) == 0);
    use(model);
    fi_model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    decode(data, size);
    uint32_t crc = checksum(data, size);
    FD_FREE uint8_t *sealed = malloc(size + sizeof(crc));
    assert(sealed);
    if (size > 0)
        memcpy(sealed, data, size);
    memcpy(sealed + size, &crc, sizeof(crc));
    decode(sealed, size + sizeof(crc));
    return 0;
}
