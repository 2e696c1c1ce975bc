/*
 * Measures selection, features and training against matrix products in the same process:
 * 5,000 items of 500 prompts, embeddings of 2,048 numbers, 20,000 listed pairs or all 12.5 million,
 * 64 and 128 features. Each line has the median of RUNS, measured in turns with its unit, and the
 * ratio of the two.
 */
#include <cblas.h>
#include <fisher/train.h>
#include <math.h>

#include "bench.h"
#include "macros.h"

enum { ITEMS = 5000, PAIRS = 20000, INPUTS = 2048, LABELS = 10000, RUNS = 15, WIDEST = 128 };
enum { TRAINING_STEPS = 5 };

struct bench {
    size_t h;
    float *embeddings; /* [ITEMS x INPUTS] */
    float *computed;   /* [ITEMS x h] by the model */
    float *features;   /* [ITEMS x h] normal; selections use these, because those of a fresh model
                          hardly vary */
    float *rewards;    /* [ITEMS] */
    fi_pair *pairs;    /* [PAIRS] */
    fi_pair *labels;   /* [LABELS] */
    float *targets;    /* [LABELS] */
    float *right;      /* [INPUTS x WIDEST] of the products */
    float *product;    /* [ITEMS x ITEMS] */
    uint32_t *members; /* [ITEMS] */
    fi_model *model;
    fi_information *past;
    fi_selection_options options;
    fi_selection last;
    size_t label_count;
};

/* ---- units ---- */

static void sgemm(const bench *state, size_t m, size_t n, size_t k) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0f,
                state->embeddings, (int)k, state->right, (int)n, 0.0f, state->product, (int)n);
}

static void product_of_inputs(bench *state) {
    sgemm(state, ITEMS, state->h, INPUTS);
}

static void product_of_pairs(bench *state) {
    sgemm(state, PAIRS, state->h, state->h); /* takes the embeddings as rows of h numbers */
}

static void product_of_all(bench *state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ITEMS, ITEMS, (int)state->h, 1.0f,
                state->embeddings, (int)state->h, state->embeddings, ITEMS, 0.0f, state->product,
                ITEMS);
}

/* ---- what is measured ---- */

static void compute_features(bench *state) {
    require(fi_model_features(state->model, ITEMS, state->embeddings, NULL, state->computed),
            "features");
}

static fi_candidates listed(const bench *state, size_t count, const fi_pair *pairs) {
    return (fi_candidates){.n_items = ITEMS,
                           .n_features = state->h,
                           .n_pairs = count,
                           .features = state->features,
                           .rewards = state->rewards,
                           .pairs = pairs};
}

static void select_cached(bench *state) {
    fi_candidates from = listed(state, PAIRS, state->pairs);
    fi_selection_clear(&state->last);
    require(fi_select(&from, state->past, &state->options, &state->last), "select");
}

static void select_computed(bench *state) {
    compute_features(state);
    select_cached(state);
}

static void select_all(bench *state) {
    fi_pool pool = {.scope = FI_SCOPE_ANY,
                    .n_items = ITEMS,
                    .n_features = state->h,
                    .features = state->features,
                    .rewards = state->rewards,
                    .n_members = ITEMS,
                    .members = state->members};
    fi_pool_view *view;
    fi_selection_clear(&state->last);
    require(fi_pool_view_new(&pool, &view), "view");
    require(fi_select_pool(view, state->past, &state->options, &state->last), "select");
    fi_pool_view_free(view);
}

static void build_past(bench *state) {
    fi_candidates from = listed(state, state->label_count, state->labels);
    fi_information_free(state->past);
    require(fi_information_new(state->h, &state->past), "past");
    require(fi_information_add(state->past, &from), "past");
}

static void train(bench *state) {
    fi_model *model = NULL;
    require(fi_model_copy(state->model, &model), "copy");
    fi_answers answers = {
        .count = state->label_count, .pairs = state->labels, .targets = state->targets};
    fi_train_options options = fi_train_defaults();
    options.iterations = TRAINING_STEPS;
    fi_train_result result;
    require(fi_train(model, ITEMS, state->embeddings, &answers, NULL, &options, &result), "train");
    fi_model_free(model);
}

/* ---- the problem ---- */

static void prepare(bench *state, size_t h) {
    fd_rng rng = fd_rng_seeded(1);
    state->h = h;
    state->embeddings = allocate((size_t)ITEMS * INPUTS, sizeof(float));
    state->computed = allocate(ITEMS * h, sizeof(float));
    state->features = allocate(ITEMS * h, sizeof(float));
    state->rewards = allocate(ITEMS, sizeof(float));
    state->pairs = allocate(PAIRS, sizeof(fi_pair));
    state->labels = allocate(LABELS, sizeof(fi_pair));
    state->targets = allocate(LABELS, sizeof(float));
    state->right = allocate((size_t)INPUTS * WIDEST, sizeof(float));
    state->product = allocate((size_t)ITEMS * ITEMS, sizeof(float));
    state->members = allocate(ITEMS, sizeof(uint32_t));
    fill_normal(&rng, (size_t)ITEMS * INPUTS, state->embeddings);
    fill_normal(&rng, (size_t)INPUTS * WIDEST, state->right);
    fill_normal(&rng, ITEMS * h, state->features);
    fill_normal(&rng, ITEMS, state->rewards);
    for (uint32_t i = 0; i < ITEMS; i++)
        state->members[i] = i;
    fill_pairs(&rng, ITEMS, PAIRS, state->pairs);
    fill_pairs(&rng, ITEMS, LABELS, state->labels);
    for (size_t i = 0; i < LABELS; i++)
        state->targets[i] = fd_rng_uniform(&rng) < 0.5 ? 0.0f : 1.0f;
    fi_shape shape = {.inputs = INPUTS, .hidden_layers = 3, .hidden_width = (uint32_t)h};
    require(fi_model_new(&shape, 1, &state->model), "model");
    require(fi_model_fit_inputs(state->model, ITEMS, state->embeddings), "statistics");
}

static void release(bench *state) {
    free(state->embeddings);
    free(state->computed);
    free(state->features);
    free(state->rewards);
    free(state->pairs);
    free(state->labels);
    free(state->targets);
    free(state->right);
    free(state->product);
    free(state->members);
    fi_model_free(state->model);
    fi_information_free(state->past);
    fi_selection_clear(&state->last);
    *state = (bench){0};
}

/* ---- results ---- */

/* Prints a row: the time, the time in units, and the target, which is an upper limit (0: none). */
static void report(bench *state, const char *what, step *run, step *unit, char letter,
                   double most) {
    double times[RUNS], units[RUNS];
    run(state);
    unit(state);
    for (int i = 0; i < RUNS; i++) {
        times[i] = time_once(run, state);
        units[i] = time_once(unit, state);
    }
    qsort(times, RUNS, sizeof(times[0]), by_value);
    qsort(units, RUNS, sizeof(units[0]), by_value);
    double time = times[RUNS / 2], of_unit = units[RUNS / 2];
    printf("%-46s %9.3f ms %7.2f x %c", what, time, time / of_unit, letter);
    if (most > 0.0)
        printf("   target %5.2f  %s", most, time / of_unit <= most ? "met" : "MISSED");
    printf("\n");
}

static void use(bench *state, const char *strategy, size_t size) {
    state->options = (fi_selection_options){
        .strategy = fi_strategy_find(strategy),
        .batch_size = size,
        .prior_precision = 1.0,
        .copy_distance = 0.02,
    };
}

static void report_list(bench *state, const char *strategy, size_t size, double most) {
    char what[80];
    use(state, strategy, size);
    snprintf(what, sizeof(what), "%s, k = %zu, features cached", strategy, size);
    report(state, what, select_cached, product_of_pairs, 'B', most);
}

static void report_pool(bench *state, const char *strategy, size_t size, double most) {
    char what[80];
    use(state, strategy, size);
    snprintf(what, sizeof(what), "%s, k = %zu, all pairs", strategy, size);
    report(state, what, select_all, product_of_all, 'C', most);
}

static void report_exchange(bench *state) {
    use(state, "greedy", 125);
    select_cached(state);
    double greedy = state->last.logdet_after;
    report_list(state, "exchange", 125, 0.0);
    printf("    exchange gains %.4f nats of log det over greedy, d_efficiency %.4f\n",
           state->last.logdet_after - greedy, state->last.d_efficiency);
}

static void report_selections(bench *state, bool has_targets) {
    double met = has_targets ? 1.0 : 0.0;
    report_list(state, "pa-dopt", 125, 2.0 * met);
    report_list(state, "pa-dopt", 500, 2.0 * met);
    /* 1.3 A plus the cached selection, in units of A */
    double computed_target =
        1.3 + 2.0 * (double)PAIRS * (double)state->h / ((double)ITEMS * INPUTS);
    use(state, "pa-dopt", 500);
    report(state, "pa-dopt, k = 500, features computed", select_computed, product_of_inputs, 'A',
           computed_target * met);
    report_list(state, "greedy", 125, 6.0 * met);
    report_list(state, "greedy", 500, 16.0 * met);
    report_exchange(state);
    report_pool(state, "pa-dopt", 500, 1.5 * met);
    report_pool(state, "greedy", 500, 4.0 * met);
    use(state, "greedy", 500);
    state->options.figures = true;
    report(state, "greedy, k = 500, cached, with statistics", select_cached, product_of_pairs, 'B',
           0.0);
}

static void measure(size_t h) {
    static const size_t label_counts[] = {1000, LABELS, 0};
    bench state = {0};
    prepare(&state, h);
    printf("\nh = %zu\n", h);
    report(&state, "A: sgemm 5000x2048 by 2048xh", product_of_inputs, product_of_inputs, 'A', 0.0);
    report(&state, "B: sgemm 20000xh by hxh", product_of_pairs, product_of_pairs, 'B', 0.0);
    report(&state, "C: sgemm 5000xh by hx5000", product_of_all, product_of_all, 'C', 0.0);
    report(&state, "features of all items", compute_features, product_of_inputs, 'A', 1.3);
    size_t peak = peak_kilobytes();
    for (size_t i = 0; i < FD_LENGTH(label_counts); i++) {
        state.label_count = label_counts[i];
        printf("-- %zu past labels\n", state.label_count);
        report(&state, "information of the labels", build_past, product_of_pairs, 'B', 0.0);
        report_selections(&state, state.label_count > 0);
    }
    printf("-- selection added %zu kB to the peak of memory, target 65536\n",
           peak_kilobytes() - peak);
    for (size_t i = 0; i < 2; i++) {
        state.label_count = label_counts[i];
        char what[80];
        snprintf(what, sizeof(what), "%d training steps, %zu labels", TRAINING_STEPS,
                 state.label_count);
        report(&state, what, train, product_of_inputs, 'A', 0.0);
    }
    release(&state);
}

int main(void) {
    openblas_set_num_threads(1);
    printf("%s kernels, %d thread, medians of %d runs; %d pairs over %d items, D = %d\n",
           openblas_get_corename(), openblas_get_num_threads(), RUNS, PAIRS, ITEMS, INPUTS);
    measure(64);
    measure(WIDEST);
    return 0;
}
