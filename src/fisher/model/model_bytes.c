/*
 * Writes and reads models as bytes. Format version 1, little-endian:
 *
 *     "FISHERMD"  u32 format  u32 inputs  u32 components  u32 hidden_layers  u32 hidden_width
 *     f64 mean [inputs]  f32 scale [inputs]  f32 projection [components x inputs]
 *     f32 parameters  u32 CRC-32 of all before it
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model_layout.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied without conversion");

enum { FORMAT = 1, MAGIC_SIZE = 8, HEADER_SIZE = MAGIC_SIZE + 5 * 4, CHECKSUM_SIZE = 4 };

static const char magic[MAGIC_SIZE + 1] = "FISHERMD";

/* CRC-32 of IEEE 802.3, four bits at a time. */
static uint32_t checksum(const uint8_t *bytes, size_t size) {
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* The arrays of a model, in the order of the format. */
struct part {
    void *data;
    size_t size;
};

static void list_parts(const fi_model *model, struct part parts[4]) {
    size_t inputs = model->shape.inputs;
    size_t projection = model->shape.components * inputs;
    parts[0] = (struct part){model->mean, inputs * sizeof(double)};
    parts[1] = (struct part){model->scale, inputs * sizeof(float)};
    parts[2] = (struct part){model->projection, projection * sizeof(float)};
    parts[3] = (struct part){model->parameters, model->parameter_count * sizeof(float)};
}

int fi_model_encode(const fi_model *model, uint8_t **ret_bytes, size_t *ret_size) {
    struct part parts[4];
    list_parts(model, parts);
    size_t size = HEADER_SIZE + fi_model_numbers_size(&model->shape) + CHECKSUM_SIZE;
    uint8_t *bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;

    const fi_shape *shape = &model->shape;
    uint32_t header[5] = {FORMAT, shape->inputs, shape->components, shape->hidden_layers,
                          shape->hidden_width};
    memcpy(bytes, magic, MAGIC_SIZE);
    memcpy(bytes + MAGIC_SIZE, header, sizeof(header));
    uint8_t *next = bytes + HEADER_SIZE;
    for (size_t i = 0; i < 4; i++) {
        if (parts[i].size > 0)
            memcpy(next, parts[i].data, parts[i].size);
        next += parts[i].size;
    }
    uint32_t crc = checksum(bytes, size - CHECKSUM_SIZE);
    memcpy(next, &crc, sizeof(crc));
    *ret_bytes = bytes;
    *ret_size = size;
    return 0;
}

static bool is_finite(const fi_model *model) {
    const fi_shape *shape = &model->shape;
    size_t floats = shape->inputs + (size_t)shape->components * shape->inputs +
                    model->parameter_count; /* one after the other in memory */
    for (size_t i = 0; i < shape->inputs; i++)
        if (!isfinite(model->mean[i]))
            return false;
    for (size_t i = 0; i < floats; i++)
        if (!isfinite(model->scale[i]))
            return false;
    return true;
}

int fi_model_decode(const uint8_t *bytes, size_t size, fi_model **ret) {
    uint32_t header[5], crc;
    if (size < HEADER_SIZE + CHECKSUM_SIZE || memcmp(bytes, magic, MAGIC_SIZE) != 0)
        return -EBADMSG;
    memcpy(header, bytes + MAGIC_SIZE, sizeof(header));
    if (header[0] != FORMAT)
        return -EPROTONOSUPPORT;
    memcpy(&crc, bytes + size - CHECKSUM_SIZE, sizeof(crc));
    if (crc != checksum(bytes, size - CHECKSUM_SIZE))
        return -EBADMSG;

    /* A checksum can be forged, so memory is only allocated for a shape that fits the size. */
    fi_shape shape = {header[1], header[2], header[3], header[4]};
    size_t numbers = fi_model_numbers_size(&shape);
    if (numbers == 0 || size != HEADER_SIZE + numbers + CHECKSUM_SIZE)
        return -EBADMSG;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_allocate(&shape, &model);
    if (r < 0)
        return r;
    struct part parts[4];
    list_parts(model, parts);
    const uint8_t *next = bytes + HEADER_SIZE;
    for (size_t i = 0; i < 4; i++) {
        if (parts[i].size > 0)
            memcpy(parts[i].data, next, parts[i].size);
        next += parts[i].size;
    }
    if (!is_finite(model))
        return -EBADMSG;
    *ret = FD_STEAL(model);
    return 0;
}
