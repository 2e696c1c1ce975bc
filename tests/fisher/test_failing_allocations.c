/* Tests that let each allocation fail once: the function returns -ENOMEM, leaks nothing, and gives
 * its usual result the next time. */
#include <errno.h>
#include <stdio.h>

#include <fisher/learn.h>
#include <fisher/rank_metrics.h>

#include "macros.h"
#include "problems.h"
#include "select_from_pool.h"
#include "strategy.h"

/* ---- allocations, wrapped by the linker ---- */

static long until_failure; /* 0 or less: none fails */
static long held;          /* blocks that were not freed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
void __wrap_free(void *memory);

static bool fails_now(void) {
    return until_failure > 0 && --until_failure == 0;
}

static void *kept(void *memory) {
    held += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : kept(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails_now() ? NULL : kept(__real_calloc(n, size));
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    if (fails_now())
        return NULL;
    void *grown = __real_reallocarray(old, n, size);
    return old ? grown : kept(grown);
}

void __wrap_free(void *memory) {
    held -= memory != NULL;
    __real_free(memory);
}

/* Does something, and describes the result by a number. */
typedef int operation(const void *context, double *ret);

static void check_every_allocation(const char *what, operation *act, const void *context) {
    double expected, got;
    long before = held, n = 1;
    assert_int_equal(act(context, &expected), 0);
    assert_int_equal(held, before);
    for (;; n++) {
        until_failure = n;
        int r = act(context, &got);
        if (until_failure > 0)
            break;
        if (r != -ENOMEM || held != before)
            fail_msg("%s: failing allocation %ld gives %d and leaves %ld blocks", what, n, r,
                     held - before);
    }
    until_failure = 0;
    assert_true(n > 1);
    assert_int_equal(act(context, &got), 0);
    assert_true(got == expected);
}

/* ---- selection ---- */

enum { ITEMS = 24, WIDTH = 4, PAIRS = 60, K = 5 };

struct selecting {
    fi_selection_options options;
    problem problem;
    const fi_information *past;
    fi_pool pool;
};

static int select_from_list(const void *context, double *ret) {
    const struct selecting *from = context;
    fi_selection got;
    int r = fi_select(&from->problem.candidates, from->past, &from->options, &got);
    if (r < 0)
        return r;
    *ret = got.logdet_after + got.logdet_bound;
    fi_selection_clear(&got);
    return 0;
}

static void free_view(fi_pool_view **view) {
    fi_pool_view_free(*view);
}

typedef int selection_from_pool(const fi_pool_view *view, const fi_information *past,
                                const fi_selection_options *options, fi_selection *ret);

static int select_by(const struct selecting *from, selection_from_pool *select, double *ret) {
    FD_CLEANUP(free_view) fi_pool_view *view = NULL;
    fi_selection got;
    int r = fi_pool_view_new(&from->pool, &view);
    if (r == 0)
        r = select(view, from->past, &from->options, &got);
    if (r < 0)
        return r;
    *ret = got.logdet_after + got.logdet_bound;
    fi_selection_clear(&got);
    return 0;
}

/* A pool this small is listed. */
static int select_from_pool(const void *context, double *ret) {
    return select_by(context, fi_select_pool, ret);
}

/* As if it had millions of pairs. */
static int select_from_large_pool(const void *context, double *ret) {
    return select_by(context, fi_select_from_pool_unlisted, ret);
}

static int add_pool(const void *context, double *ret) {
    const struct selecting *from = context;
    fi_information *sum = NULL;
    int r = fi_information_new(WIDTH, &sum);
    if (r == 0)
        r = fi_information_add_pool(sum, &from->pool, true);
    *ret = r < 0 ? 0.0 : fi_information_matrix(sum)[0];
    fi_information_free(sum);
    return r;
}

static void every_strategy_survives_each_failing_allocation(void **state) {
    (void)state;
    uint32_t groups[ITEMS], members[ITEMS];
    problem made = problem_new(1, ITEMS, WIDTH, PAIRS, 0.0f, 1.0f);
    problem answered = problem_new(2, ITEMS, WIDTH, 20, 0.0f, 1.0f);
    fi_information *past = information_of(&answered.candidates);
    for (uint32_t i = 0; i < ITEMS; i++) {
        groups[i] = i / 6;
        members[i] = i;
    }
    made.candidates.groups = groups;
    made.pairs[7] = made.pairs[8] = made.pairs[9]; /* copies, which have to wait */
    struct selecting from = {
        .options = {.batch_size = K,
                    .prior_precision = 0.5,
                    .copy_distance = 0.02,
                    .certify_steps = 2,
                    .figures = true,
                    .explain = true},
        .problem = made,
        .past = past,
        .pool = {.n_items = ITEMS,
                 .n_features = WIDTH,
                 .features = made.features,
                 .rewards = made.rewards,
                 .groups = groups,
                 .scope = FI_SCOPE_ANY,
                 .n_members = ITEMS,
                 .members = members,
                 .n_excluded = 3,
                 .excluded = made.pairs},
    };
    check_every_allocation("the information of a pool", add_pool, &from);
    for (size_t i = 0; i < 3 * fi_strategy_count(); i++) {
        from.options.strategy = fi_strategy_at(i / 3);
        from.options.max_per_item = i % 3;
        from.options.max_per_group = 2 * (i % 3);
        from.options.targets = i % 3 ? &answered.candidates : NULL;
        check_every_allocation(from.options.strategy->name, select_from_list, &from);
        check_every_allocation(from.options.strategy->name, select_from_pool, &from);
        if (fi_strategy_functions_of(from.options.strategy)->choose_from_pool)
            check_every_allocation(from.options.strategy->name, select_from_large_pool, &from);
    }
    fi_information_free(past);
    problem_free(&answered);
    problem_free(&made);
}

/* ---- learning ---- */

enum { ANSWERS = 64 };

struct learning {
    fi_learn_options options;
    size_t inputs;
    const float *embeddings; /* [ITEMS x inputs] */
    fi_answers answers;
    const fi_model *start;   /* NULL: none */
    const fi_extras *extras; /* NULL: none; only without a start */
};

static int learn(const void *context, double *ret) {
    const struct learning *from = context;
    fi_learned learned = {0};
    int r = fi_learn(ITEMS, from->embeddings, from->start ? NULL : from->extras, &from->answers,
                     NULL, from->start, &from->options, &learned);
    if (r < 0)
        return r;
    size_t count;
    *ret = (double)fi_model_parameters(learned.model, &count)[0];
    fi_model_free(learned.model);
    free(learned.cross_fitted);
    free(learned.length_fitted);
    return 0;
}

/* Two blocks, one of which may be left out. */
static const fi_block blocks[] = {
    {.first = 0, .count = 3, .guess = 1.0, .shape = 1.0},
    {.first = 3, .count = 1, .guess = 2.0, .averaged = true, .shape = 1.0}};

static int fit_last_layer(const void *context, double *ret) {
    const struct learning *from = context;
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = FD_LENGTH(blocks);
    options.rounds = 3;
    float sides[ANSWERS];
    for (size_t i = 0; i < ANSWERS; i++)
        sides[i] = i % 2 ? 1.0f : -1.0f;
    fi_answers answers = from->answers;
    answers.sides = sides;
    fi_last_layer *layer = NULL, *copy = NULL, *prior = NULL;
    fi_information *known = NULL;
    int r = fi_last_layer_fit(ITEMS, WIDTH, from->embeddings, &answers, &options, NULL, &layer);
    if (r == 0)
        r = fi_last_layer_copy(layer, &copy);
    if (r == 0)
        r = fi_last_layer_information(copy, &known);
    if (r == 0)
        r = fi_last_layer_fit(ITEMS, WIDTH, from->embeddings, &(fi_answers){0}, &options, NULL,
                              &prior);
    *ret = r < 0 ? 0.0 : copy->beta[0] + fi_information_matrix(known)[0] + prior->covariance[0];
    fi_information_free(known);
    fi_last_layer_free(prior);
    fi_last_layer_free(copy);
    fi_last_layer_free(layer);
    return r;
}

static int store_model(const void *context, double *ret) {
    const struct learning *from = context;
    fi_shape shape = {
        .inputs = WIDTH, .components = 2, .hidden_layers = 1, .hidden_width = 3, .extras = 1};
    fi_model *model = NULL, *copy = NULL, *decoded = NULL;
    fi_last_layer *layer = NULL;
    float features[ITEMS * 4], centres[ITEMS], placed = 0.0f;
    uint8_t *bytes = NULL;
    size_t size = 0;
    int r = fi_model_new(&shape, 1, &model);
    if (r == 0)
        r = fi_model_fit_inputs(model, ITEMS, from->embeddings);
    if (r == 0)
        r = fi_model_fit_extras(model, from->extras);
    if (r == 0)
        r = fi_last_layer_new(4, 1, &layer);
    if (r == 0) {
        layer->blocks[0] = (fi_block){.count = 4, .guess = 1.0, .shape = 1.0};
        layer->precisions[0] = layer->side_precision = layer->design_effect = 1.0;
        for (size_t j = 0; j < 4; j++)
            layer->covariance[5 * j] = 1.0;
        r = fi_model_set_last_layer(model, layer);
    }
    if (r == 0)
        r = fi_model_copy(model, &copy);
    if (r == 0)
        r = fi_model_encode(copy, &bytes, &size);
    if (r == 0)
        r = fi_model_decode(bytes, size, &decoded);
    if (r == 0)
        r = fi_model_features(decoded, ITEMS, from->embeddings, NULL, features);
    if (r == 0)
        r = fi_model_extra_centres(decoded, from->extras, 0, 4, centres);
    if (r == 0)
        fi_model_place_extras(decoded, from->extras->raw, centres, &placed);
    *ret = r < 0 ? 0.0 : (double)features[0] + (double)placed;
    free(bytes);
    fi_last_layer_free(layer);
    fi_model_free(decoded);
    fi_model_free(copy);
    fi_model_free(model);
    return r;
}

static int measure_ranks(const void *context, double *ret) {
    double x[ITEMS], y[ITEMS], best = 0.0;
    const struct learning *from = context;
    for (size_t i = 0; i < ITEMS; i++) {
        x[i] = (double)from->embeddings[i * from->inputs];
        y[i] = (double)from->embeddings[i * from->inputs + 1];
    }
    int r = fi_spearman(ITEMS, x, y, ret);
    if (r == 0)
        r = fi_best_of_mean(ITEMS, 4, x, y, &best);
    *ret += best;
    return r;
}

static void learning_survives_each_failing_allocation(void **state) {
    (void)state;
    enum { WIDE = 80 }; /* wide enough for approximate components */
    problem made = problem_new(3, ITEMS, WIDE, ANSWERS, 0.0f, 1.0f);
    float targets[ANSWERS];
    for (size_t i = 0; i < ANSWERS; i++)
        targets[i] = i % 3 ? 1.0f : 0.0f;
    uint32_t groups[ITEMS], clusters[ANSWERS];
    for (uint32_t i = 0; i < ITEMS; i++)
        groups[i] = i % 4;
    static uint8_t arms[ANSWERS];
    static float lengths[ITEMS];
    for (uint32_t i = 0; i < ANSWERS; i++) {
        clusters[i] = i % 12;
        arms[i] = i % 3 ? FI_ARM_CHOSEN : FI_ARM_RANDOM;
    }
    const fi_extras extras = {ITEMS, 1, (uint32_t[]){7}, made.features + ITEMS, groups, NULL};
    const fi_block extra_block = {.count = 1, .guess = 4.0, .shape = 1.0, .averaged = true};
    struct learning from = {
        .inputs = WIDTH,
        .extras = &extras,
        .embeddings = made.features,
        .answers = {.count = ANSWERS,
                    .pairs = made.pairs,
                    .targets = targets,
                    .clusters = clusters},
        .options = {.shape = {.inputs = WIDTH, .hidden_layers = 1, .hidden_width = 3},
                    .cross_fits = true,
                    .lengths = lengths,
                    .arms = arms,
                    .train = fi_train_defaults(),
                    .seed = 1},
    };
    from.options.train.iterations = 4;
    from.options.train.evaluate_every = 2;
    static const fi_kind kinds[] = {FI_KIND_AUTO, FI_KIND_LINEAR, FI_KIND_NETWORK};
    fi_model *start = NULL;
    assert_int_equal(fi_model_new(&from.options.shape, 5, &start), 0);
    for (size_t i = 0; i < FD_LENGTH(kinds); i++) {
        from.options.kind = kinds[i];
        /* An exam, and what choosing taught, take many fits. */
        from.answers.count = kinds[i] == FI_KIND_LINEAR ? ANSWERS : 48;
        from.options.arms = kinds[i] == FI_KIND_LINEAR ? arms : NULL;
        from.start = NULL;
        from.options.extra_blocks = &extra_block;
        from.options.n_extra_blocks = 1;
        check_every_allocation("learning", learn, &from);
        from.start = start;
        from.options.n_extra_blocks = 0;
        check_every_allocation("continuing", learn, &from);
    }
    fi_model_free(start);
    check_every_allocation("the last layer", fit_last_layer, &from);
    check_every_allocation("storing a model", store_model, &from);
    check_every_allocation("rank metrics", measure_ranks, &from);

    from.start = NULL;
    from.extras = NULL;
    from.inputs = WIDE;
    from.options.shape =
        (fi_shape){.inputs = WIDE, .components = 2, .hidden_layers = 1, .hidden_width = 3};
    from.options.kind = FI_KIND_LINEAR;
    check_every_allocation("learning from wide inputs", learn, &from);
    problem_free(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_survives_each_failing_allocation),
        cmocka_unit_test(learning_survives_each_failing_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
