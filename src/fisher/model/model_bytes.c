/*
 * Writes and reads models as bytes. Format version 2, little-endian:
 *
 *     "FISHERMD"  u32 format  u32 inputs  u32 components  u32 hidden_layers  u32 hidden_width
 *     u32 extras  u32 blocks
 *     f64 mean [inputs]  f64 mean, scale and scale within prompts of the extras [3 x extras]
 *     f32 scale [inputs]  f32 projection [components x inputs]  f32 parameters
 *     u32 ids of the extras [extras]
 *     f64 last layer [scalars, then its arrays], if there are blocks
 *     u32 annotators, if they are known  u32 whether they matter
 *     f64 reliability [annotators]  f64 its standard deviation [annotators]
 *     u32 CRC-32 of all before it
 *
 * Version 1 has neither extras nor a last layer, and its header ends before their numbers.
 */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "fitted_layer.h"
#include "fitted_reliabilities.h"
#include "model_layout.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied without conversion");

enum {
    FORMAT = 2,
    MAGIC_SIZE = 8,
    WORDS = 7,        /* of the header, after the magic */
    WORDS_BEFORE = 5, /* of version 1 */
    CHECKSUM_SIZE = 4,
};

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

/* ---- the last layer ---- */

/* Its scalars, and those of a block, as numbers. */
enum { SCALARS = 8, BLOCK_SCALARS = 7 };

static size_t layer_size(size_t n_features, size_t n_blocks) {
    return n_blocks == 0 ? 0
                         : (SCALARS + fi_last_layer_numbers(n_features, n_blocks) +
                            BLOCK_SCALARS * n_blocks) *
                               sizeof(double);
}

static void write_layer(const fi_last_layer *layer, uint8_t *to) {
    const double scalars[SCALARS] = {
        layer->side, layer->side_stddev,  layer->side_precision,     layer->design_effect,
        layer->loss, layer->log_evidence, (double)layer->iterations, layer->converged ? 1.0 : 0.0};
    size_t size = fi_last_layer_numbers(layer->n_features, layer->n_blocks) * sizeof(double);
    memcpy(to, scalars, sizeof(scalars));
    memcpy(to += sizeof(scalars), layer->data, size);
    to += size;
    for (size_t g = 0; g < layer->n_blocks; g++) {
        const fi_block *block = &layer->blocks[g];
        const double numbers[BLOCK_SCALARS] = {block->first,   block->count,
                                               block->mean,    block->guess,
                                               block->shape,   block->averaged ? 1.0 : 0.0,
                                               block->log_odds};
        memcpy(to + g * sizeof(numbers), numbers, sizeof(numbers));
    }
}

/* Whether a number is one that was an integer from 0 to `most`. */
static bool is_whole(double number, double most) {
    return number >= 0.0 && number <= most && number == floor(number);
}

/* The blocks cover the columns in order. */
static bool read_blocks(const uint8_t *from, fi_last_layer *layer) {
    size_t next = 0;
    for (size_t g = 0; g < layer->n_blocks; g++) {
        double numbers[BLOCK_SCALARS];
        memcpy(numbers, from + g * sizeof(numbers), sizeof(numbers));
        if (numbers[0] != (double)next || !is_whole(numbers[1], FI_WIDTH_MAX) ||
            !is_whole(numbers[5], 1.0))
            return false;
        layer->blocks[g] = (fi_block){.first = (uint32_t)numbers[0],
                                      .count = (uint32_t)numbers[1],
                                      .mean = numbers[2],
                                      .guess = numbers[3],
                                      .shape = numbers[4],
                                      .averaged = numbers[5] == 1.0,
                                      .log_odds = numbers[6]};
        if (!fi_block_is_sound(&layer->blocks[g]))
            return false;
        next += layer->blocks[g].count;
    }
    return next == layer->n_features;
}

/* The loss and the evidence of a fit without answers are not known. */
static bool is_layer_sound(const fi_last_layer *layer) {
    size_t numbers = fi_last_layer_numbers(layer->n_features, layer->n_blocks);
    for (size_t i = 0; i < numbers; i++)
        if (!isfinite(layer->data[i]))
            return false;
    for (size_t g = 0; g < layer->n_blocks; g++)
        if (!(layer->precisions[g] > 0.0 && layer->probabilities[g] >= 0.0 &&
              layer->probabilities[g] <= 1.0))
            return false;
    for (size_t j = 0; j < layer->n_features; j++)
        if (!(layer->covariance[j * (layer->n_features + 1)] > 0.0))
            return false;
    return isfinite(layer->side) && layer->side_stddev >= 0.0 && isfinite(layer->side_stddev) &&
           layer->side_precision > 0.0 && isfinite(layer->side_precision) &&
           layer->design_effect >= 1.0 && layer->design_effect <= FI_DESIGN_EFFECT_MOST;
}

static int read_layer(size_t n_features, size_t n_blocks, const uint8_t *from,
                      fi_last_layer **ret) {
    double scalars[SCALARS];
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    int r = fi_last_layer_new(n_features, n_blocks, &layer);
    if (r < 0)
        return r;
    memcpy(scalars, from, sizeof(scalars));
    layer->side = scalars[0];
    layer->side_stddev = scalars[1];
    layer->side_precision = scalars[2];
    layer->design_effect = scalars[3];
    layer->loss = scalars[4];
    layer->log_evidence = scalars[5];
    if (!is_whole(scalars[6], UINT32_MAX) || !is_whole(scalars[7], 1.0))
        return -EBADMSG;
    layer->iterations = (uint32_t)scalars[6];
    layer->converged = scalars[7] == 1.0;
    size_t arrays = fi_last_layer_numbers(n_features, n_blocks) * sizeof(double);
    memcpy(layer->data, from + sizeof(scalars), arrays);
    if (!is_layer_sound(layer) || !read_blocks(from + sizeof(scalars) + arrays, layer))
        return -EBADMSG;
    *ret = FD_STEAL(layer);
    return 0;
}

/* ---- reliabilities ---- */

/* Two numbers of an annotator, and the two words before those of all. */
enum { ANNOTATOR_SIZE = 2 * sizeof(double), ANNOTATORS_HEADER = 2 * sizeof(uint32_t) };

static size_t reliabilities_size(const fi_reliabilities *reliabilities) {
    return reliabilities ? ANNOTATORS_HEADER + ANNOTATOR_SIZE * reliabilities->count : 0;
}

static void write_reliabilities(const fi_reliabilities *reliabilities, uint8_t *to) {
    const uint32_t header[2] = {(uint32_t)reliabilities->count, reliabilities->matter};
    memcpy(to, header, sizeof(header));
    memcpy(to + sizeof(header), reliabilities->data, ANNOTATOR_SIZE * reliabilities->count);
}

static bool is_sound(const fi_reliabilities *reliabilities) {
    for (size_t i = 0; i < reliabilities->count; i++) {
        double x = reliabilities->values[i], stddev = reliabilities->stddevs[i];
        if (isnan(x) ? !isnan(stddev)
                     : !(x >= FI_RELIABILITY_LEAST && x <= FI_RELIABILITY_MOST && stddev > 0.0 &&
                         stddev <= 1.0))
            return false;
    }
    return true;
}

/* They end where the bytes do. */
static int read_reliabilities(const uint8_t *from, size_t size, fi_reliabilities **ret) {
    uint32_t header[2];
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *made = NULL;
    memcpy(header, from, sizeof(header));
    int r = fi_reliabilities_new((size - sizeof(header)) / ANNOTATOR_SIZE, &made);
    if (r < 0)
        return r;
    made->matter = header[1] == 1;
    memcpy(made->data, from + sizeof(header), ANNOTATOR_SIZE * made->count);
    if (header[0] != made->count || header[1] > 1 || !is_sound(made))
        return -EBADMSG;
    *ret = FD_STEAL(made);
    return 0;
}

/* ---- the model ---- */

int fi_model_encode(const fi_model *model, uint8_t **ret_bytes, size_t *ret_size) {
    const fi_shape *shape = &model->shape;
    size_t numbers = fi_model_numbers_size(shape), features = fi_model_feature_count(model);
    size_t blocks = model->layer ? model->layer->n_blocks : 0;
    const uint32_t header[WORDS] = {FORMAT,
                                    shape->inputs,
                                    shape->components,
                                    shape->hidden_layers,
                                    shape->hidden_width,
                                    shape->extras,
                                    (uint32_t)blocks};
    size_t layer = layer_size(features, blocks);
    size_t size =
        MAGIC_SIZE + sizeof(header) + numbers + layer + reliabilities_size(model->reliabilities);
    uint8_t *bytes = malloc(size + CHECKSUM_SIZE);
    if (!bytes)
        return -ENOMEM;
    uint8_t *next = bytes;
    memcpy(next, magic, MAGIC_SIZE);
    memcpy(next += MAGIC_SIZE, header, sizeof(header));
    memcpy(next += sizeof(header), model->data, numbers);
    if (blocks > 0)
        write_layer(model->layer, next + numbers);
    if (model->reliabilities)
        write_reliabilities(model->reliabilities, next + numbers + layer);
    uint32_t crc = checksum(bytes, size);
    memcpy(bytes + size, &crc, sizeof(crc));
    *ret_bytes = bytes;
    *ret_size = size + CHECKSUM_SIZE;
    return 0;
}

static bool are_finite(size_t count, const double *numbers) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(numbers[i]))
            return false;
    return true;
}

static bool is_finite(const fi_model *model) {
    const fi_shape *shape = &model->shape;
    size_t floats = shape->inputs + (size_t)shape->components * shape->inputs +
                    model->parameter_count; /* one after the other in memory */
    for (size_t i = 0; i < floats; i++)
        if (!isfinite(model->scale[i]))
            return false;
    return are_finite(shape->inputs + (size_t)3 * shape->extras, model->mean);
}

/* Reads the header of any version, and checks the size. A checksum can be forged, so memory is only
 * allocated for a shape that fits it. */
static int read_header(const uint8_t *bytes, size_t size, fi_shape *shape, size_t *ret_blocks,
                       size_t *ret_start, size_t *ret_left) {
    uint32_t words[WORDS] = {0}, crc;
    size_t least = MAGIC_SIZE + WORDS_BEFORE * sizeof(words[0]);
    if (size < least + CHECKSUM_SIZE || memcmp(bytes, magic, MAGIC_SIZE) != 0)
        return -EBADMSG;
    memcpy(words, bytes + MAGIC_SIZE, sizeof(words[0]));
    if (words[0] != 1 && words[0] != FORMAT)
        return -EPROTONOSUPPORT;
    size_t header = MAGIC_SIZE + (words[0] == 1 ? WORDS_BEFORE : WORDS) * sizeof(words[0]);
    memcpy(&crc, bytes + size - CHECKSUM_SIZE, sizeof(crc));
    if (size < header + CHECKSUM_SIZE || crc != checksum(bytes, size - CHECKSUM_SIZE))
        return -EBADMSG;
    memcpy(words, bytes + MAGIC_SIZE, header - MAGIC_SIZE);
    *shape = (fi_shape){.inputs = words[1],
                        .components = words[2],
                        .hidden_layers = words[3],
                        .hidden_width = words[4],
                        .extras = words[5]};
    size_t numbers = fi_model_numbers_size(shape), blocks = words[6];
    if (numbers == 0 || blocks > FI_BLOCKS_MAX)
        return -EBADMSG;
    size_t features = fi_model_feature_count_of(shape);
    size_t known = header + numbers + layer_size(features, blocks) + CHECKSUM_SIZE;
    size_t left = size > known ? size - known : 0;
    if (size < known || (left > 0 && (words[0] == 1 || left < ANNOTATORS_HEADER ||
                                      (left - ANNOTATORS_HEADER) % ANNOTATOR_SIZE != 0)))
        return -EBADMSG;
    *ret_left = left;
    *ret_blocks = blocks;
    *ret_start = header;
    return 0;
}

int fi_model_decode(const uint8_t *bytes, size_t size, fi_model **ret) {
    fi_shape shape;
    size_t blocks, start, left;
    int r = read_header(bytes, size, &shape, &blocks, &start, &left);
    if (r < 0)
        return r;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    r = fi_model_allocate(&shape, &model);
    if (r < 0)
        return r;
    size_t numbers = fi_model_numbers_size(&shape);
    memcpy(model->data, bytes + start, numbers);
    if (!is_finite(model))
        return -EBADMSG;
    if (blocks > 0) {
        r = read_layer(fi_model_feature_count(model), blocks, bytes + start + numbers,
                       &model->layer);
        if (r < 0)
            return r;
    }
    if (left > 0) {
        r = read_reliabilities(bytes + size - CHECKSUM_SIZE - left, left, &model->reliabilities);
        if (r < 0)
            return r;
    }
    *ret = FD_STEAL(model);
    return 0;
}
