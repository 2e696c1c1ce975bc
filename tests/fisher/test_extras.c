/* Tests of placing extras, against golden vectors and by their properties. */
#include <errno.h>
#include <fisher/extras.h>
#include <string.h>

#include "golden.h"
#include "macros.h"
#include "rng.h"

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

enum { COLUMNS = 6, ITEMS_MOST = 64, GROUPS_MOST = 16 };

static const uint32_t ids[COLUMNS] = {9, 8, 7, 6, 5, 4};

struct sample {
    size_t n_groups;
    float raw[ITEMS_MOST * COLUMNS];
    uint32_t groups[ITEMS_MOST];
    bool empty[ITEMS_MOST];
    fi_extras extras;
    fi_model *model;
    float centres[GROUPS_MOST * COLUMNS];
    float placed[ITEMS_MOST * COLUMNS];
};

static void sample_clear(struct sample *sample) {
    fi_model_free(sample->model);
}

#define SAMPLE FD_CLEANUP(sample_clear) struct sample

static void begin(struct sample *sample, size_t n_items, size_t n_groups) {
    fi_shape shape = {.inputs = 2, .extras = COLUMNS};
    sample->n_groups = n_groups;
    sample->extras = (fi_extras){n_items, COLUMNS, ids, sample->raw, sample->groups, sample->empty};
    assert_int_equal(fi_model_new(&shape, 1, &sample->model), 0);
}

static void place_all(struct sample *sample) {
    assert_int_equal(fi_model_extra_centres(sample->model, &sample->extras, 0, sample->n_groups,
                                            sample->centres),
                     0);
    for (size_t i = 0; i < sample->extras.n_items; i++)
        fi_model_place_extras(sample->model, sample->raw + i * COLUMNS,
                              sample->centres + sample->groups[i] * COLUMNS,
                              sample->placed + i * COLUMNS);
}

static void fit_and_place(struct sample *sample) {
    assert_int_equal(fi_model_fit_extras(sample->model, &sample->extras), 0);
    place_all(sample);
}

/* ---- golden vectors ---- */

static const char *const cases[] = {"several_prompts", "lone_items",  "only_lone_items",
                                    "missing",         "empty_items", "one_prompt"};

static void read_case(struct sample *sample, const char *folder, size_t n_groups) {
    GOLDEN items = golden_load(folder, "items");
    memset(sample, 0, sizeof(*sample));
    assert_int_equal(items.columns, COLUMNS + 2);
    begin(sample, items.rows, n_groups);
    for (size_t i = 0; i < items.rows; i++) {
        const double *row = items.values + i * items.columns;
        sample->groups[i] = (uint32_t)row[0];
        sample->empty[i] = row[1] != 0.0;
        for (size_t j = 0; j < COLUMNS; j++)
            sample->raw[i * COLUMNS + j] = (float)row[2 + j];
    }
}

static void placed_extras_agree_with_an_independent_implementation(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        char folder[1024];
        (void)snprintf(folder, sizeof(folder), FISHERD_GOLDEN "/extras/%s", cases[i]);
        GOLDEN centres = golden_load(folder, "centres");
        GOLDEN placed = golden_load(folder, "placed");
        SAMPLE sample;
        read_case(&sample, folder, centres.rows);
        fit_and_place(&sample);
        for (size_t j = 0; j < centres.count; j++)
            assert_near((double)sample.centres[j], centres.values[j], 1e-5);
        for (size_t j = 0; j < placed.count; j++)
            if (!(fabs((double)sample.placed[j] - placed.values[j]) <= 1e-4))
                fail_msg("%s: column %zu of item %zu is %g, expected %g", cases[i], j % COLUMNS,
                         j / COLUMNS, (double)sample.placed[j], placed.values[j]);
        assert_memory_equal(fi_model_extra_ids(sample.model), ids, sizeof(ids));
    }
}

/* ---- properties ---- */

static void fill(struct sample *sample, uint64_t seed, size_t n_items, size_t n_groups) {
    fd_rng rng = fd_rng_seeded(seed);
    memset(sample, 0, sizeof(*sample));
    begin(sample, n_items, n_groups);
    for (size_t i = 0; i < n_items; i++) {
        sample->groups[i] = (uint32_t)(i % n_groups);
        for (size_t j = 0; j < COLUMNS; j++)
            sample->raw[i * COLUMNS + j] =
                (float)(100.0 * (double)sample->groups[i] + (double)(j + 1) * fd_rng_normal(&rng));
    }
}

static void differences_within_a_prompt_do_not_depend_on_its_centre(void **state) {
    (void)state;
    SAMPLE sample;
    fill(&sample, 1, 40, 8);
    fit_and_place(&sample);
    for (size_t i = 0; i + 8 < 40; i++) {
        float one[COLUMNS], other[COLUMNS], centre[COLUMNS];
        for (int kind = 0; kind < 2; kind++) {
            for (size_t j = 0; j < COLUMNS; j++)
                centre[j] = 0.7f * (float)j;
            fi_model_place_extras(sample.model, sample.raw + i * COLUMNS, kind ? centre : NULL,
                                  one);
            fi_model_place_extras(sample.model, sample.raw + (i + 8) * COLUMNS,
                                  kind ? centre : NULL, other);
            for (size_t j = 0; j < COLUMNS; j++)
                assert_near((double)one[j] - (double)other[j],
                            (double)sample.placed[i * COLUMNS + j] -
                                (double)sample.placed[(i + 8) * COLUMNS + j],
                            2e-3);
        }
    }
}

/* Within prompts, placed extras have mean 0 and a pooled deviation of 1. */
static void placed_extras_are_standardised_within_prompts(void **state) {
    (void)state;
    SAMPLE sample;
    fill(&sample, 2, 60, 6);
    fit_and_place(&sample);
    for (size_t j = 0; j < COLUMNS; j++) {
        double squares = 0.0, sums[6] = {0};
        for (size_t i = 0; i < 60; i++) {
            double placed = (double)sample.placed[i * COLUMNS + j];
            squares += placed * placed;
            sums[sample.groups[i]] += placed;
        }
        assert_near(squares / (60.0 - 6.0), 1.0, 1e-3);
        for (size_t g = 0; g < 6; g++)
            assert_near(sums[g], 0.0, 1e-3);
    }
}

static void no_extra_is_further_than_the_most_from_the_mean(void **state) {
    (void)state;
    SAMPLE sample;
    fill(&sample, 3, 60, 6);
    fit_and_place(&sample);
    /* Extras of 0, in units of the deviation within prompts, tell that unit. */
    for (size_t j = 0; j < COLUMNS; j++) {
        float raw[2][COLUMNS] = {{0}}, placed[2][COLUMNS];
        raw[0][j] = 1e30f;
        raw[1][j] = -1e30f;
        fi_model_place_extras(sample.model, raw[0], NULL, placed[0]);
        fi_model_place_extras(sample.model, raw[1], NULL, placed[1]);
        raw[0][j] = INFINITY;
        float infinite[COLUMNS];
        fi_model_place_extras(sample.model, raw[0], NULL, infinite);
        assert_true(infinite[j] == placed[0][j]);
        double unit = ((double)placed[0][j] - (double)placed[1][j]) / (2.0 * FI_EXTRA_MOST);
        assert_near((double)placed[0][j], FI_EXTRA_MOST * unit, 1e-3);
        assert_true(unit > 1.0); /* prompts differ by more than their items */
    }
}

static void scale_and_offset_of_a_raw_extra_do_not_matter(void **state) {
    (void)state;
    SAMPLE sample;
    SAMPLE other;
    fill(&sample, 4, 40, 8);
    fill(&other, 4, 40, 8);
    for (size_t i = 0; i < 40 * COLUMNS; i++)
        other.raw[i] = 1024.0f * other.raw[i] - 512.0f;
    fit_and_place(&sample);
    fit_and_place(&other);
    for (size_t i = 0; i < 40 * COLUMNS; i++)
        assert_near((double)sample.placed[i], (double)other.placed[i], 5e-3);
}

static void a_missing_extra_is_placed_at_0_and_changes_nothing_else(void **state) {
    (void)state;
    SAMPLE sample;
    SAMPLE fewer;
    fill(&sample, 5, 40, 8);
    fill(&fewer, 5, 39, 8);
    for (size_t j = 0; j < COLUMNS; j++)
        sample.raw[39 * COLUMNS + j] = NAN;
    fit_and_place(&sample);
    fit_and_place(&fewer);
    assert_memory_equal(sample.placed, fewer.placed, 39 * COLUMNS * sizeof(float));
    for (size_t j = 0; j < COLUMNS; j++)
        assert_true(sample.placed[39 * COLUMNS + j] == 0.0f);
}

static void empty_items_have_no_part_in_the_statistics(void **state) {
    (void)state;
    SAMPLE sample;
    SAMPLE fewer;
    fill(&sample, 6, 40, 8);
    fill(&fewer, 6, 38, 8);
    for (size_t j = 0; j < 2 * COLUMNS; j++)
        sample.raw[38 * COLUMNS + j] = -1e6f;
    sample.empty[38] = sample.empty[39] = true;
    fit_and_place(&sample);
    fit_and_place(&fewer);
    assert_memory_equal(sample.placed, fewer.placed, 38 * COLUMNS * sizeof(float));
    assert_true(sample.placed[38 * COLUMNS] < -3.0f);
    sample.extras.empty = NULL; /* as if none was */
    fit_and_place(&sample);
    assert_memory_not_equal(sample.placed, fewer.placed, 38 * COLUMNS * sizeof(float));
}

/* As a length of the prompt would be. Rounding must not become a feature. */
static void a_column_that_does_not_vary_within_prompts_is_0_everywhere(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        fd_rng rng = fd_rng_seeded(seed);
        float levels[8][COLUMNS];
        SAMPLE sample;
        fill(&sample, seed, 56, 8);
        for (size_t i = 0; i < 8 * COLUMNS; i++)
            levels[i / COLUMNS][i % COLUMNS] = (float)(1e3 + 100.0 * fd_rng_normal(&rng));
        for (size_t i = 0; i < 56 * COLUMNS; i++)
            sample.raw[i] = levels[sample.groups[i / COLUMNS]][i % COLUMNS];
        fit_and_place(&sample);
        for (size_t i = 0; i < 56 * COLUMNS; i++)
            assert_true(sample.placed[i] == 0.0f);
    }
}

static void centres_of_a_range_of_prompts_are_those_of_all(void **state) {
    (void)state;
    SAMPLE sample;
    fill(&sample, 7, 45, 9);
    fit_and_place(&sample);
    for (uint32_t first = 0; first < 9; first++)
        for (size_t n = 0; first + n <= 9; n++) {
            float some[9 * COLUMNS] = {0};
            assert_int_equal(fi_model_extra_centres(sample.model, &sample.extras, first, n, some),
                             0);
            assert_memory_equal(some, sample.centres + first * COLUMNS,
                                n * COLUMNS * sizeof(float));
        }
}

static void wrong_extras_are_refused_and_nothing_at_all_is_fine(void **state) {
    (void)state;
    SAMPLE sample;
    fill(&sample, 8, 40, 8);
    fi_extras few = sample.extras;
    few.count--;
    assert_int_equal(fi_model_fit_extras(sample.model, &few), -EINVAL);
    sample.raw[17] = -INFINITY;
    assert_int_equal(fi_model_fit_extras(sample.model, &sample.extras), -EINVAL);
    sample.raw[17] = 0.0f;
    sample.extras.n_items = 0;
    assert_int_equal(fi_model_fit_extras(sample.model, &sample.extras), 0);
    float placed[COLUMNS];
    fi_model_place_extras(sample.model, sample.raw, NULL, placed);
    for (size_t j = 0; j < COLUMNS; j++)
        assert_true(placed[j] == 0.0f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placed_extras_agree_with_an_independent_implementation),
        cmocka_unit_test(differences_within_a_prompt_do_not_depend_on_its_centre),
        cmocka_unit_test(placed_extras_are_standardised_within_prompts),
        cmocka_unit_test(no_extra_is_further_than_the_most_from_the_mean),
        cmocka_unit_test(scale_and_offset_of_a_raw_extra_do_not_matter),
        cmocka_unit_test(a_missing_extra_is_placed_at_0_and_changes_nothing_else),
        cmocka_unit_test(empty_items_have_no_part_in_the_statistics),
        cmocka_unit_test(a_column_that_does_not_vary_within_prompts_is_0_everywhere),
        cmocka_unit_test(centres_of_a_range_of_prompts_are_those_of_all),
        cmocka_unit_test(wrong_extras_are_refused_and_nothing_at_all_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
