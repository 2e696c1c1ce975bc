/* Tests of fitting a last layer in blocks, against golden vectors and by its properties. */
#include <fisher/last_layer.h>

#include "golden.h"
#include <errno.h>
#include <string.h>

#include "macros.h"
#include "rng.h"

enum { H = 11, BLOCKS = 4, ANSWERS_MOST = 400 };

FD_DEFINE_CLEANUP(fi_last_layer, fi_last_layer_free)
#define LAYER FD_CLEANUP(fi_last_layer_freep) fi_last_layer

static const char *const cases[] = {"plain", "side", "votes", "one_prompt", "few", "reliable"};

typedef struct world {
    golden features, answers, blocks_read;
    size_t n_items;
    fi_answers given;
    fi_pair pairs[ANSWERS_MOST];
    float targets[ANSWERS_MOST], sides[ANSWERS_MOST], reliabilities[ANSWERS_MOST];
    uint32_t clusters[ANSWERS_MOST];
    fi_block blocks[BLOCKS];
    fi_last_layer_options options;
    char folder[1024];
} world;

static void world_clear(world *made) {
    golden_clear(&made->features);
    golden_clear(&made->answers);
    golden_clear(&made->blocks_read);
}

#define WORLD FD_CLEANUP(world_clear) world

static void world_init(world *made, const char *name) {
    static const uint32_t counts[BLOCKS] = {6, 1, 3, 1};
    memset(made, 0, sizeof(*made));
    snprintf(made->folder, sizeof(made->folder), FISHERD_GOLDEN "/last_layer/%s", name);
    made->features = golden_load(made->folder, "features");
    made->answers = golden_load(made->folder, "answers");
    made->blocks_read = golden_load(made->folder, "blocks");
    made->n_items = made->features.rows;
    size_t n = made->answers.rows;
    assert_true(n <= ANSWERS_MOST);
    for (size_t i = 0; i < n; i++) {
        const double *row = made->answers.values + 6 * i;
        made->pairs[i] = (fi_pair){(uint32_t)row[0], (uint32_t)row[1]};
        made->targets[i] = (float)row[2];
        made->sides[i] = (float)row[3];
        made->reliabilities[i] = (float)row[4];
        made->clusters[i] = (uint32_t)row[5];
    }
    made->given = (fi_answers){.count = n,
                               .pairs = made->pairs,
                               .targets = made->targets,
                               .sides = made->sides,
                               .reliabilities = made->reliabilities,
                               .clusters = made->clusters};
    uint32_t first = 0;
    for (size_t g = 0; g < BLOCKS; g++) {
        const double *row = made->blocks_read.values + 4 * g;
        made->blocks[g] = (fi_block){.first = first,
                                     .count = counts[g],
                                     .mean = row[1],
                                     .guess = row[0],
                                     .shape = 1.0,
                                     .averaged = g == 1 || g == 2};
        first += counts[g];
    }
    made->options = fi_last_layer_defaults();
    made->options.blocks = made->blocks;
    made->options.n_blocks = BLOCKS;
    made->options.rounds = 400;
}

static fi_last_layer *fit(const world *made, const fi_answers *answers,
                          const fi_last_layer *start) {
    fi_last_layer *layer = NULL;
    assert_int_equal(fi_last_layer_fit(made->n_items, H, made->features.floats, answers,
                                       &made->options, start, &layer),
                     0);
    return layer;
}

static void assert_same_array(const double *actual, const double *expected, size_t count,
                              double tolerance) {
    double largest = 0.0;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(expected[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs(actual[i] - expected[i]) <= tolerance * largest))
            fail_msg("value %zu is %.12g, expected %.12g", i, actual[i], expected[i]);
}

/* The precisions settle to 1e-5, so their fixed point is known to about as much. */
static void a_fit_agrees_with_an_independent_one(void **context) {
    (void)context;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WORLD made;
        world_init(&made, cases[i]);
        GOLDEN layer = golden_load(made.folder, "layer");
        GOLDEN covariance = golden_load(made.folder, "covariance");
        GOLDEN expected = golden_load(made.folder, "expected");
        LAYER *found = fit(&made, &made.given, NULL);
        assert_true(found->converged);
        assert_near(found->design_effect, expected.values[0], 1e-6);
        assert_same_array(found->beta, layer.values, H, 1e-5);
        assert_same_array(found->start, layer.values + H, H, 1e-5);
        assert_same_array(found->covariance, covariance.values, H * H, 1e-5);
        assert_near(found->side, expected.values[1], 1e-5);
        assert_near(found->side_stddev, expected.values[2], 1e-5);
        assert_near(found->log_evidence, expected.values[3], 1e-5);
        for (size_t g = 0; g < BLOCKS; g++) {
            assert_near(found->precisions[g] / made.blocks_read.values[4 * g + 2], 1.0, 1e-4);
            assert_near(found->probabilities[g], made.blocks_read.values[4 * g + 3], 1e-5);
        }
    }
}

/* By Newton's method: steps to the fixed point alone take 14 to 22 rounds. */
static void the_precisions_settle_within_few_rounds(void **context) {
    (void)context;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WORLD made;
        world_init(&made, cases[i]);
        made.options.rounds = 12;
        LAYER *found = fit(&made, &made.given, NULL);
        assert_true(found->converged);
    }
}

/* With the precisions of the other implementation nothing is left to settle. */
static void a_fit_under_given_precisions_agrees_to_rounding(void **context) {
    (void)context;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WORLD made;
        world_init(&made, cases[i]);
        GOLDEN layer = golden_load(made.folder, "layer");
        GOLDEN covariance = golden_load(made.folder, "covariance");
        GOLDEN expected = golden_load(made.folder, "expected");
        if (expected.values[1] != 0.0)
            continue; /* the precision of the side is not in the file */
        for (size_t g = 0; g < BLOCKS; g++)
            made.blocks[g].guess = made.blocks_read.values[4 * g + 2];
        made.options.rounds = 0;
        made.options.design_effect = expected.values[0];
        LAYER *found = fit(&made, &made.given, NULL);
        assert_same_array(found->beta, layer.values, H, 1e-7);
        assert_same_array(found->start, layer.values + H, H, 1e-7);
        assert_same_array(found->covariance, covariance.values, H * H, 1e-7);
        assert_near(found->log_evidence, expected.values[3], 1e-7);
        for (size_t g = 0; g < BLOCKS; g++)
            assert_near(found->probabilities[g], made.blocks_read.values[4 * g + 3], 1e-7);
    }
}

/* Averaging needs no second fit. Here are the others: without a block, its prior is too narrow for
 * it to move. Bayes factors of Savage and Dickey are exact for a normal posterior, so many answers
 * and small coefficients make both agree. */
static void averaging_agrees_with_fits_of_each_model(void **context) {
    (void)context;
    WORLD made;
    world_init(&made, "side");
    made.options.rounds = 0;
    made.options.design_effect = 1.0;
    made.blocks[1].mean = made.blocks[3].mean = 0.0;
    made.blocks[1].guess = 40.0;
    for (size_t i = 0; i < made.given.count; i++)
        made.targets[i] = 0.5f + 0.1f * (made.targets[i] - 0.5f);
    LAYER *found = fit(&made, &made.given, NULL);
    double beta[H] = {0}, sum = 0.0, matters[BLOCKS] = {0};
    for (int set = 0; set < 4; set++) {
        world without = made;
        without.options.blocks = without.blocks;
        for (int g = 1; g <= 2; g++) {
            without.blocks[g].averaged = false;
            if (set >> (g - 1) & 1)
                without.blocks[g].guess = FI_PRECISION_MOST;
        }
        LAYER *one = fit(&without, &without.given, NULL);
        double weight = exp(one->log_evidence);
        sum += weight;
        for (size_t j = 0; j < H; j++)
            beta[j] += weight * one->beta[j];
        for (int g = 1; g <= 2; g++)
            matters[g] += set >> (g - 1) & 1 ? 0.0 : weight;
    }
    for (size_t j = 0; j < H; j++)
        beta[j] /= sum;
    assert_same_array(found->beta, beta, H, 2e-2);
    for (int g = 1; g <= 2; g++)
        assert_near(found->probabilities[g], matters[g] / sum, 1e-3);
}

static void without_averaged_blocks_averaging_changes_nothing(void **context) {
    (void)context;
    WORLD made;
    world_init(&made, "plain");
    made.blocks[1].averaged = made.blocks[2].averaged = false;
    LAYER *found = fit(&made, &made.given, NULL);
    assert_memory_equal(found->beta, found->start, H * sizeof(double));
    for (size_t g = 0; g < BLOCKS; g++)
        assert_true(found->probabilities[g] == 1.0);
}

static void without_answers_the_prior_is_the_result(void **context) {
    (void)context;
    WORLD made;
    world_init(&made, "side");
    fi_answers none = {0};
    LAYER *found = fit(&made, &none, NULL);
    assert_near(found->beta[10], made.blocks[3].mean, 1e-12); /* a trusted score counts at once */
    assert_near(found->covariance[0], 1.0 / made.blocks[0].guess, 1e-12);
    assert_true(found->beta[6] > 0.0 && found->beta[6] < made.blocks[1].mean); /* if it matters */
    assert_near(found->design_effect, 1.0, 0.0);
}

/* Answers in another order, with sides exchanged. */
static void turn(world *made, fd_rng *rng) {
    size_t n = made->given.count;
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = fd_rng_below(rng, (uint32_t)i + 1);
#define SWAP(array)                                                                                \
    do {                                                                                           \
        __typeof__(made->array[0]) kept = made->array[i];                                          \
        made->array[i] = made->array[j];                                                           \
        made->array[j] = kept;                                                                     \
    } while (0)
        SWAP(pairs);
        SWAP(targets);
        SWAP(sides);
        SWAP(reliabilities);
        SWAP(clusters);
#undef SWAP
        if (fd_rng_below(rng, 2)) {
            made->pairs[i] = (fi_pair){made->pairs[i].b, made->pairs[i].a};
            made->targets[i] = 1.0f - made->targets[i];
            made->sides[i] = -made->sides[i];
        }
    }
}

static void the_order_of_answers_and_of_their_sides_does_not_matter(void **context) {
    (void)context;
    fd_rng rng = fd_rng_seeded(5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        WORLD made;
        world_init(&made, cases[i]);
        LAYER *first = fit(&made, &made.given, NULL);
        turn(&made, &rng);
        LAYER *second = fit(&made, &made.given, NULL);
        assert_same_array(second->beta, first->beta, H, 1e-7);
        assert_near(second->side, first->side, 1e-7);
        assert_near(second->design_effect, first->design_effect, 1e-9);
    }
}

static void a_fit_from_an_earlier_one_ends_at_the_same_place(void **context) {
    (void)context;
    WORLD made;
    world_init(&made, "votes");
    fi_answers part = made.given;
    part.count -= 20;
    LAYER *before = fit(&made, &part, NULL);
    LAYER *warm = fit(&made, &made.given, before);
    LAYER *cold = fit(&made, &made.given, NULL);
    assert_same_array(warm->beta, cold->beta, H, 5e-3);
    assert_true(warm->iterations < cold->iterations);
}

/* Keeps the first answer to each pair, of the first half. Returns their number. */
static size_t keep_distinct_pairs(struct world *made) {
    size_t kept = 0;
    for (size_t i = 0; i < made->given.count / 2; i++) {
        bool seen = false;
        for (size_t j = 0; j < kept; j++)
            seen = seen ||
                   (made->pairs[j].a == made->pairs[i].a && made->pairs[j].b == made->pairs[i].b) ||
                   (made->pairs[j].a == made->pairs[i].b && made->pairs[j].b == made->pairs[i].a);
        made->pairs[kept] = made->pairs[i];
        made->targets[kept] = made->targets[i];
        kept += seen ? 0 : 1;
    }
    return kept;
}

/* Answers that repeat each other tell no more than one of them. */
static void votes_that_repeat_each_other_have_a_design_effect(void **context) {
    (void)context;
    WORLD made;
    world_init(&made, "plain");
    enum { VOTES = 5 };
    size_t n = keep_distinct_pairs(&made);
    for (size_t i = n; i-- > 0;)
        for (size_t vote = 0; vote < VOTES; vote++) {
            made.pairs[VOTES * i + vote] = made.pairs[i];
            made.targets[VOTES * i + vote] = made.targets[i];
            made.clusters[VOTES * i + vote] = (uint32_t)i;
        }
    made.given.count = VOTES * n;
    made.given.sides = made.given.reliabilities = NULL;
    LAYER *found = fit(&made, &made.given, NULL);
    assert_near(found->design_effect, VOTES, 0.05);
}

static void nothing_is_lost_in_hopeless_answers(void **context) {
    (void)context;
    fd_rng rng = fd_rng_seeded(8);
    for (int kind = 0; kind < 6; kind++) {
        WORLD made;
        world_init(&made, kind == 5 ? "one_prompt" : "side");
        for (size_t i = 0; i < made.given.count; i++) {
            made.targets[i] = kind == 0   ? 0.5f
                              : kind == 1 ? 1.0f
                              : kind == 2 ? (made.features.floats[made.pairs[i].a * H + 6] >
                                                     made.features.floats[made.pairs[i].b * H + 6]
                                                 ? 1.0f
                                                 : 0.0f)
                                          : (float)fd_rng_below(&rng, 2);
            if (kind == 3) /* one side alone */
                made.sides[i] = 1.0f;
            if (kind == 4) /* an item against itself */
                made.pairs[i].b = made.pairs[i].a;
        }
        LAYER *found = fit(&made, &made.given, NULL);
        for (size_t j = 0; j < H; j++)
            assert_true(isfinite(found->beta[j]) && found->covariance[j * H + j] > 0.0);
        assert_true(isfinite(found->side) && found->design_effect >= 1.0);
    }
}

static void wrong_input_is_refused(void **context) {
    (void)context;
    for (int kind = 0; kind < 10; kind++) {
        WORLD made;
        world_init(&made, "side");
        switch (kind) {
        case 0:
            made.options.n_blocks = 0;
            break;
        case 1:
            made.blocks[1].first++;
            break;
        case 2:
            made.blocks[3].count++;
            break;
        case 3:
            made.blocks[0].guess = 0.0;
            break;
        case 4:
            made.blocks[0].shape = NAN;
            break;
        case 5:
            made.options.design_effect = 0.5;
            break;
        case 6:
            made.targets[3] = 1.5f;
            break;
        case 7:
            made.sides[3] = NAN;
            break;
        case 8:
            made.reliabilities[3] = INFINITY;
            break;
        case 9:
            made.pairs[3].a = (uint32_t)made.n_items;
            break;
        }
        fi_last_layer *layer = NULL;
        assert_int_equal(fi_last_layer_fit(made.n_items, H, made.features.floats, &made.given,
                                           &made.options, NULL, &layer),
                         -EINVAL);
        assert_null(layer);
    }
}

static bool stop_later(void *context) {
    int *left = context;
    return (*left)-- > 0;
}

static void a_fit_can_be_ended(void **context) {
    (void)context;
    WORLD made;
    world_init(&made, "side");
    int left = 7;
    made.options.go_on = stop_later;
    made.options.context = &left;
    fi_last_layer *layer = NULL;
    assert_int_equal(fi_last_layer_fit(made.n_items, H, made.features.floats, &made.given,
                                       &made.options, NULL, &layer),
                     -ECANCELED);
    assert_null(layer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_agrees_with_an_independent_one),
        cmocka_unit_test(the_precisions_settle_within_few_rounds),
        cmocka_unit_test(a_fit_under_given_precisions_agrees_to_rounding),
        cmocka_unit_test(averaging_agrees_with_fits_of_each_model),
        cmocka_unit_test(without_averaged_blocks_averaging_changes_nothing),
        cmocka_unit_test(without_answers_the_prior_is_the_result),
        cmocka_unit_test(the_order_of_answers_and_of_their_sides_does_not_matter),
        cmocka_unit_test(a_fit_from_an_earlier_one_ends_at_the_same_place),
        cmocka_unit_test(votes_that_repeat_each_other_have_a_design_effect),
        cmocka_unit_test(nothing_is_lost_in_hopeless_answers),
        cmocka_unit_test(wrong_input_is_refused),
        cmocka_unit_test(a_fit_can_be_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
