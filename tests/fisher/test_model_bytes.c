/* Tests of models as bytes: both format versions, and damage of every kind. */
#include <errno.h>
#include <fisher/extras.h>
#include <fisher/last_layer.h>
#include <string.h>

#include "golden.h"
#include "macros.h"
#include "model_version_1.h"
#include "rng.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)
FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)

enum { ITEMS = 50, INPUTS = 6, EXTRAS = 3, HEADER = 36, CHECKSUM = 4 };

static const fi_shape shapes[] = {{INPUTS, 0, 0, 0, 0}, {INPUTS, 2, 0, 0, 0}, {INPUTS, 0, 1, 4, 0},
                                  {INPUTS, 3, 3, 5, 0}, {INPUTS, 0, 2, 4, 0}, {INPUTS, 2, 0, 0, 3},
                                  {INPUTS, 0, 1, 4, 3}, {INPUTS, 0, 0, 0, 1}};

struct sample {
    float items[ITEMS * INPUTS];
    float raw[ITEMS * EXTRAS];
    uint32_t groups[ITEMS];
    fi_model *model;
};

static void sample_clear(struct sample *sample) {
    fi_model_free(sample->model);
}

#define SAMPLE FD_CLEANUP(sample_clear) struct sample

static const uint32_t ids[EXTRAS] = {11, 5, 4000000000u};

/* A last layer with numbers everywhere, of an averaged block, with a side. */
static fi_last_layer *layer_of(const fi_model *model, fd_rng *rng) {
    size_t h = fi_model_feature_count(model);
    float features[ITEMS * 8], targets[ITEMS], sides[ITEMS];
    fi_pair pairs[ITEMS];
    for (size_t i = 0; i < ITEMS * h; i++)
        features[i] = (float)fd_rng_normal(rng);
    for (uint32_t i = 0; i < ITEMS; i++) {
        pairs[i] = (fi_pair){i, (i + 1) % ITEMS};
        targets[i] = (float)(i % 3) / 2.0f;
        sides[i] = i % 2 ? 1.0f : -1.0f;
    }
    fi_answers answers = {.count = ITEMS, .pairs = pairs, .targets = targets, .sides = sides};
    const fi_block blocks[] = {
        {.first = 0, .count = 1, .mean = 0.5, .guess = 2.0, .shape = INFINITY},
        {.first = 1, .count = (uint32_t)h - 1, .guess = 3.0, .shape = 2.0, .averaged = true}};
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = FD_LENGTH(blocks);
    fi_last_layer *layer = NULL;
    assert_int_equal(fi_last_layer_fit(ITEMS, h, features, &answers, &options, NULL, &layer), 0);
    return layer;
}

static void sample_init(struct sample *sample, const fi_shape *shape, bool has_layer) {
    fd_rng rng = fd_rng_seeded(11);
    for (size_t i = 0; i < ITEMS * INPUTS; i++)
        sample->items[i] = (float)(5 + 3 * fd_rng_normal(&rng));
    for (size_t i = 0; i < ITEMS * EXTRAS; i++)
        sample->raw[i] = (float)fd_rng_normal(&rng);
    for (uint32_t i = 0; i < ITEMS; i++)
        sample->groups[i] = i / 5;
    sample->model = NULL;
    assert_int_equal(fi_model_new(shape, 1, &sample->model), 0);
    assert_int_equal(fi_model_fit_inputs(sample->model, ITEMS, sample->items), 0);
    const fi_extras extras = {ITEMS, shape->extras, ids, sample->raw, sample->groups, NULL};
    if (shape->extras > 0)
        assert_int_equal(fi_model_fit_extras(sample->model, &extras), 0);
    if (!has_layer)
        return;
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = layer_of(sample->model, &rng);
    assert_int_equal(fi_model_set_last_layer(sample->model, layer), 0);
}

static uint8_t *encode(const fi_model *model, size_t *ret_size) {
    uint8_t *bytes = NULL;
    assert_int_equal(fi_model_encode(model, &bytes, ret_size), 0);
    return bytes;
}

/* ---- format version 2 ---- */

static void decoding_the_bytes_gives_the_same_model(void **state) {
    (void)state;
    for (size_t s = 0; s < 2 * FD_LENGTH(shapes); s++) {
        const fi_shape *shape = &shapes[s / 2];
        SAMPLE sample;
        sample_init(&sample, shape, s % 2);
        FD_CLEANUP(fi_model_freep) fi_model *decoded = NULL;
        size_t size, again_size, e = shape->extras;
        FD_FREE uint8_t *bytes = encode(sample.model, &size);
        assert_int_equal(fi_model_decode(bytes, size, &decoded), 0);
        assert_memory_equal(fi_model_shape(sample.model), fi_model_shape(decoded),
                            sizeof(fi_shape));
        FD_FREE uint8_t *again = encode(decoded, &again_size);
        assert_int_equal(size, again_size);
        assert_memory_equal(bytes, again, size);

        float before[ITEMS * 8], after[ITEMS * 8], placed[EXTRAS], expected[EXTRAS];
        assert_int_equal(fi_model_features(sample.model, ITEMS, sample.items, sample.raw, before),
                         0);
        assert_int_equal(fi_model_features(decoded, ITEMS, sample.items, sample.raw, after), 0);
        size_t width = fi_model_feature_count(decoded);
        assert_memory_equal(before, after, ITEMS * width * sizeof(float));
        for (size_t i = 0; i < ITEMS && e > 0; i++)
            assert_memory_equal(after + (i + 1) * width - e, sample.raw + i * e, e * sizeof(float));
        fi_model_place_extras(sample.model, sample.raw, NULL, expected);
        fi_model_place_extras(decoded, sample.raw, NULL, placed);
        assert_memory_equal(placed, expected, e * sizeof(float));
        assert_memory_equal(fi_model_extra_ids(decoded), ids, e * sizeof(*ids));
        assert_int_equal(fi_model_last_layer(decoded) != NULL, s % 2);
    }
}

static void a_decoded_last_layer_has_all_that_the_fit_had(void **state) {
    (void)state;
    SAMPLE sample;
    sample_init(&sample, &shapes[6], true);
    FD_CLEANUP(fi_model_freep) fi_model *decoded = NULL;
    size_t size;
    FD_FREE uint8_t *bytes = encode(sample.model, &size);
    assert_int_equal(fi_model_decode(bytes, size, &decoded), 0);
    const fi_last_layer *one = fi_model_last_layer(sample.model);
    const fi_last_layer *other = fi_model_last_layer(decoded);
    assert_int_equal(other->n_features, 7);
    assert_int_equal(other->n_blocks, 2);
    assert_memory_equal(one->beta, other->beta, 7 * sizeof(double));
    assert_memory_equal(one->start, other->start, 7 * sizeof(double));
    assert_memory_equal(one->covariance, other->covariance, 49 * sizeof(double));
    assert_memory_equal(one->precisions, other->precisions, 2 * sizeof(double));
    assert_memory_equal(one->probabilities, other->probabilities, 2 * sizeof(double));
    for (size_t g = 0; g < 2; g++) {
        const fi_block *x = &one->blocks[g], *y = &other->blocks[g];
        assert_true(x->first == y->first && x->count == y->count && x->mean == y->mean);
        assert_true(x->guess == y->guess && x->shape == y->shape && x->averaged == y->averaged);
        assert_true(x->log_odds == y->log_odds);
    }
    assert_true(one->side == other->side && one->side != 0.0);
    assert_true(one->side_stddev == other->side_stddev);
    assert_true(one->side_precision == other->side_precision);
    assert_true(one->design_effect == other->design_effect);
    assert_true(one->loss == other->loss && one->log_evidence == other->log_evidence);
    assert_true(one->iterations == other->iterations && one->converged == other->converged);
}

/* The loss of a prior is not a number. */
static void the_layer_of_a_model_without_answers_can_be_stored(void **state) {
    (void)state;
    SAMPLE sample;
    sample_init(&sample, &shapes[0], false);
    const fi_block block = {.count = INPUTS, .guess = 2.0, .shape = 1.0};
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = &block;
    options.n_blocks = 1;
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    assert_int_equal(
        fi_last_layer_fit(ITEMS, INPUTS, sample.items, &(fi_answers){0}, &options, NULL, &layer),
        0);
    assert_int_equal(fi_model_set_last_layer(sample.model, layer), 0);
    FD_CLEANUP(fi_model_freep) fi_model *decoded = NULL;
    size_t size;
    FD_FREE uint8_t *bytes = encode(sample.model, &size);
    assert_int_equal(fi_model_decode(bytes, size, &decoded), 0);
    assert_true(isnan(fi_model_last_layer(decoded)->loss));
}

/* ---- the last layer of a model ---- */

static void a_model_takes_the_beta_of_its_layer_and_copies_have_their_own(void **state) {
    (void)state;
    SAMPLE sample;
    sample_init(&sample, &shapes[6], true);
    const fi_last_layer *layer = fi_model_last_layer(sample.model);
    fi_layer last = fi_model_layer(sample.model, 1);
    for (size_t j = 0; j < last.inputs; j++)
        assert_true(last.weights[j] == (float)layer->beta[j]);
    FD_CLEANUP(fi_model_freep) fi_model *copy = NULL;
    assert_int_equal(fi_model_copy(sample.model, &copy), 0);
    assert_true(fi_model_last_layer(copy) != layer);
    size_t size, copy_size;
    FD_FREE uint8_t *bytes = encode(sample.model, &size);
    FD_FREE uint8_t *copied = encode(copy, &copy_size);
    assert_int_equal(size, copy_size);
    assert_memory_equal(bytes, copied, size);

    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *wide = NULL;
    assert_int_equal(fi_last_layer_new(8, 1, &wide), 0);
    assert_int_equal(fi_model_set_last_layer(copy, wide), -EINVAL);
    assert_non_null(fi_model_last_layer(copy));
}

/* ---- format version 1 ---- */

static void check_version_1(const uint8_t *bytes, size_t size, const float *items,
                            const double *rewards) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fi_model_freep) fi_model *again = NULL;
    float features[4 * 4], found[4];
    assert_int_equal(fi_model_decode(bytes, size, &model), 0);
    assert_null(fi_model_last_layer(model));
    assert_int_equal(fi_model_shape(model)->extras, 0);
    assert_int_equal(fi_model_features(model, 4, items, NULL, features), 0);
    fi_model_rewards(model, 4, features, found);
    for (size_t i = 0; i < 4; i++)
        assert_near((double)found[i], rewards[i], 1e-6);

    /* It is written again as version 2, and nothing is lost. */
    size_t new_size;
    FD_FREE uint8_t *new = encode(model, &new_size);
    assert_int_equal(new[8], 2);
    assert_int_equal(new_size, size + 8);
    assert_int_equal(fi_model_decode(new, new_size, &again), 0);
    assert_memory_equal(new + HEADER, bytes + HEADER - 8, size - (HEADER - 8) - CHECKSUM);

    FD_FREE uint8_t *damaged = malloc(size);
    assert_non_null(damaged);
    fi_model *none = NULL;
    memcpy(damaged, bytes, size);
    for (size_t i = 0; i < size; i++) {
        damaged[i] ^= 1;
        assert_true(fi_model_decode(damaged, size, &none) < 0);
        damaged[i] ^= 1;
        assert_int_equal(fi_model_decode(bytes, i, &none), -EBADMSG);
    }
}

static void a_model_of_format_version_1_predicts_the_same_and_has_no_layer(void **state) {
    (void)state;
    check_version_1(linear_bytes, sizeof(linear_bytes), linear_items, linear_rewards);
    check_version_1(network_bytes, sizeof(network_bytes), network_items, network_rewards);
}

/* ---- damage ---- */

static void any_changed_byte_and_any_other_length_is_noticed(void **state) {
    (void)state;
    static const size_t some[] = {2, 6};
    for (size_t s = 0; s < FD_LENGTH(some); s++) {
        SAMPLE sample;
        sample_init(&sample, &shapes[some[s]], s == 1);
        size_t size;
        FD_FREE uint8_t *bytes = encode(sample.model, &size);
        fi_model *decoded = NULL;
        for (size_t i = 0; i < size; i++) {
            bytes[i] ^= 0x40;
            assert_true(fi_model_decode(bytes, size, &decoded) < 0);
            bytes[i] ^= 0x40;
            assert_int_equal(fi_model_decode(bytes, i, &decoded), -EBADMSG);
        }
        static const uint8_t unknown[] = {0, 3, 255};
        for (size_t i = 0; i < FD_LENGTH(unknown); i++) {
            bytes[8] = unknown[i];
            assert_int_equal(fi_model_decode(bytes, size, &decoded), -EPROTONOSUPPORT);
        }
        assert_null(decoded);
    }
}

static void seal(uint8_t *bytes, size_t size) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size - CHECKSUM; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
    crc = ~crc;
    memcpy(bytes + size - CHECKSUM, &crc, sizeof(crc));
}

static int decode_sealed(uint8_t *bytes, size_t size) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    seal(bytes, size);
    return fi_model_decode(bytes, size, &model);
}

/* With the right checksum, as who writes to the database could make it. */
static void forged_counts_are_refused(void **state) {
    (void)state;
    SAMPLE sample;
    sample_init(&sample, &shapes[6], true);
    size_t size;
    FD_FREE uint8_t *bytes = encode(sample.model, &size);
    FD_FREE uint8_t *forged = malloc(size);
    assert_non_null(forged);
    static const uint32_t counts[] = {0, 1, 2, 5, 33, 65, 4097, 1u << 16, 1u << 31, UINT32_MAX};
    for (size_t word = 1; word < 7; word++)
        for (size_t i = 0; i < FD_LENGTH(counts); i++) {
            uint32_t kept;
            memcpy(&kept, bytes + 8 + 4 * word, sizeof(kept));
            memcpy(forged, bytes, size);
            memcpy(forged + 8 + 4 * word, &counts[i], sizeof(kept));
            assert_int_equal(decode_sealed(forged, size), counts[i] == kept ? 0 : -EBADMSG);
        }
}

/* Decodes the bytes with another number at an offset. */
static int with_double(const uint8_t *bytes, size_t size, size_t at, double value) {
    FD_FREE uint8_t *forged = malloc(size);
    assert_non_null(forged);
    memcpy(forged, bytes, size);
    memcpy(forged + at, &value, sizeof(value));
    return decode_sealed(forged, size);
}

static void forged_numbers_are_refused(void **state) {
    (void)state;
    enum { H = 7, SCALARS = 8, BLOCK = 7, BLOCKS = 2 };
    SAMPLE sample;
    sample_init(&sample, &shapes[6], true);
    size_t size;
    FD_FREE uint8_t *bytes = encode(sample.model, &size);
    size_t blocks = size - CHECKSUM - 8 * BLOCK * BLOCKS;
    size_t arrays = blocks - 8 * (H * (H + 2) + 2 * BLOCKS), scalars = arrays - 8 * SCALARS;
    size_t covariance = arrays + (size_t)16 * H, precisions = covariance + (size_t)8 * H * H;
    const struct {
        const char *what;
        size_t at;
        double value;
    } forged[] = {
        {"an input's mean", HEADER, NAN},
        {"an extra's mean", HEADER + 8 * INPUTS, INFINITY},
        {"an extra's scale within prompts", HEADER + 8 * (INPUTS + 3 * EXTRAS - 1), NAN},
        {"the side", scalars, NAN},
        {"the side's deviation", scalars + 8, -1.0},
        {"the side's precision", scalars + 16, 0.0},
        {"a design effect below 1", scalars + 24, 0.5},
        {"a design effect above the most", scalars + 24, 11.0},
        {"negative steps", scalars + 48, -1.0},
        {"too many steps", scalars + 48, 1e300},
        {"half a yes", scalars + 56, 0.5},
        {"an averaged block", blocks + 40, 2.0},
        {"a design effect that is not a number", scalars + 24, NAN},
        {"beta", arrays, NAN},
        {"a start", arrays + 8 * H, INFINITY},
        {"a variance", covariance, 0.0},
        {"the last variance", precisions - 8, -1.0},
        {"a covariance", covariance + 8, NAN},
        {"a precision that is not a number", precisions, NAN},
        {"a precision of 0", precisions, 0.0},
        {"a negative precision", precisions + 8, -2.0},
        {"a probability above 1", precisions + 8 * BLOCKS, 1.5},
        {"a negative probability", precisions + 8 * BLOCKS + 8, -0.5},
        {"the first column of a block", blocks, 1.0},
        {"a fraction of a column", blocks, 0.5},
        {"a count of 0", blocks + 8, 0.0},
        {"a count that is too large", blocks + 8, 1e300},
        {"a negative count", blocks + 8, -1.0},
        {"a fraction of a count", blocks + 8, 1.5},
        {"a prior mean", blocks + 16, NAN},
        {"a guess of 0", blocks + 24, 0.0},
        {"a guess that is too large", blocks + 24, 1e10},
        {"a shape of 0", blocks + 32, 0.0},
        {"a shape that is not a number", blocks + 32, NAN},
        {"log odds", blocks + 48, INFINITY},
        {"a gap between blocks", blocks + 8 * BLOCK, 2.0},
        {"columns without a block", blocks + 8 * BLOCK + 8, 5.0},
    };
    for (size_t i = 0; i < FD_LENGTH(forged); i++) {
        int r = with_double(bytes, size, forged[i].at, forged[i].value);
        if (r != -EBADMSG)
            fail_msg("%s: %d", forged[i].what, r);
    }
    /* and what may be anything */
    assert_int_equal(with_double(bytes, size, scalars + 32, NAN), 0); /* the loss */
    assert_int_equal(with_double(bytes, size, blocks + 32, INFINITY), 0);
}

static void a_weight_that_is_not_finite_is_refused(void **state) {
    (void)state;
    SAMPLE sample;
    sample_init(&sample, &shapes[2], false);
    size_t size, count;
    fi_model_parameters(sample.model, &count)[3] = NAN;
    FD_FREE uint8_t *bytes = encode(sample.model, &size);
    fi_model *decoded = NULL;
    assert_int_equal(fi_model_decode(bytes, size, &decoded), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoding_the_bytes_gives_the_same_model),
        cmocka_unit_test(a_decoded_last_layer_has_all_that_the_fit_had),
        cmocka_unit_test(the_layer_of_a_model_without_answers_can_be_stored),
        cmocka_unit_test(a_model_takes_the_beta_of_its_layer_and_copies_have_their_own),
        cmocka_unit_test(a_model_of_format_version_1_predicts_the_same_and_has_no_layer),
        cmocka_unit_test(any_changed_byte_and_any_other_length_is_noticed),
        cmocka_unit_test(forged_counts_are_refused),
        cmocka_unit_test(forged_numbers_are_refused),
        cmocka_unit_test(a_weight_that_is_not_finite_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
