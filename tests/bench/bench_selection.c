/*
 * Selection and training against matrix products of the same size in the same process:
 * 20,000 pairs over 5,000 items with embeddings of 2,048 numbers and features of 64.
 */
#include <cblas.h>
#include <errno.h>
#include <fisher/design.h>
#include <fisher/train.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "macros.h"
#include "rng.h"

enum { ITEMS = 5000, PAIRS = 20000, INPUTS = 2048, FEATURES = 64, LABELS = 10000, RUNS = 15 };
enum { TRAINING_STEPS = 5 };

char *openblas_get_corename(void);
int openblas_get_num_threads(void);
void openblas_set_num_threads(int threads);

typedef struct bench {
    float *embeddings; /* [ITEMS x INPUTS] */
    float *computed;   /* [ITEMS x FEATURES] by the model */
    float *features;   /* [ITEMS x FEATURES] normal, selected from: a fresh model's hardly vary */
    float *rewards;    /* [ITEMS] */
    fi_pair *pairs;    /* [PAIRS] */
    fi_pair *labels;   /* [LABELS] */
    float *targets;    /* [LABELS] */
    float *right;      /* [INPUTS x FEATURES] of the products */
    float *product;    /* [PAIRS x FEATURES] */
    fi_model *model;
    fi_information *past;
    fi_selection_options options;
    size_t label_count;
} bench;

typedef void step(bench *state);

static void require(int r, const char *what) {
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(-r));
    exit(1);
}

static void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    require(memory ? 0 : -ENOMEM, "memory");
    return memory;
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x;
    double b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(step *run, bench *state) {
    double times[RUNS];
    run(state);
    for (int i = 0; i < RUNS; i++) {
        double start = milliseconds();
        run(state);
        times[i] = milliseconds() - start;
    }
    qsort(times, RUNS, sizeof(times[0]), by_value);
    return times[RUNS / 2];
}

static void product_of_inputs(bench *state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ITEMS, FEATURES, INPUTS, 1.0f,
                state->embeddings, INPUTS, state->right, FEATURES, 0.0f, state->product, FEATURES);
}

static void product_of_pairs(bench *state) {
    /* The embeddings serve as 20,000 rows of 64 numbers. */
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, PAIRS, FEATURES, FEATURES, 1.0f,
                state->embeddings, FEATURES, state->right, FEATURES, 0.0f, state->product,
                FEATURES);
}

static float *gram;

static void product_of_all(bench *state) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ITEMS, ITEMS, FEATURES, 1.0f,
                state->embeddings, FEATURES, state->embeddings, ITEMS, 0.0f, gram, ITEMS);
}

static void compute_features(bench *state) {
    require(fi_model_features(state->model, ITEMS, state->embeddings, state->computed), "features");
}

static fi_candidates candidates(const bench *state, size_t count, const fi_pair *pairs) {
    return (fi_candidates){ITEMS, FEATURES, count, state->features, state->rewards, pairs, NULL};
}

static void select_cached(bench *state) {
    fi_candidates from = candidates(state, PAIRS, state->pairs);
    fi_selection selection;
    require(fi_select(&from, state->past, &state->options, &selection), "select");
    fi_selection_clear(&selection);
}

static void select_anew(bench *state) {
    compute_features(state);
    select_cached(state);
}

static uint32_t members[ITEMS];
static void select_all(bench *state) {
    fi_pool pool = {.n_items = ITEMS, .n_features = FEATURES, .features = state->features, .rewards = state->rewards, .n_members = ITEMS, .members = members};
    fi_selection selection;
    require(fi_select_pool(&pool, state->past, &state->options, &selection), "select");
    fi_selection_clear(&selection);
}

static void build_past(bench *state) {
    fi_candidates from = candidates(state, state->label_count, state->labels);
    fi_information_free(state->past);
    require(fi_information_new(FEATURES, &state->past), "past");
    require(fi_information_add(state->past, &from), "past");
}

static void train(bench *state) {
    fi_model *model = NULL;
    require(fi_model_copy(state->model, &model), "copy");
    fi_answers answers = {state->label_count, state->labels, state->targets};
    fi_train_options options = fi_train_defaults();
    options.iterations = TRAINING_STEPS;
    fi_train_result result;
    require(fi_train(model, ITEMS, state->embeddings, &answers, NULL, &options, &result), "train");
    fi_model_free(model);
}

static void fill_pairs(fi_rng *rng, size_t count, fi_pair *pairs) {
    for (size_t i = 0; i < count; i++) {
        uint32_t a = (uint32_t)fi_rng_below(rng, ITEMS);
        uint32_t b = (uint32_t)fi_rng_below(rng, ITEMS - 1);
        pairs[i] = (fi_pair){a, b + (b >= a)};
    }
}

static void prepare(bench *state) {
    fi_rng rng = fi_rng_seeded(1);
    state->embeddings = allocate((size_t)ITEMS * INPUTS, sizeof(float));
    state->computed = allocate((size_t)ITEMS * FEATURES, sizeof(float));
    state->features = allocate((size_t)ITEMS * FEATURES, sizeof(float));
    state->rewards = allocate(ITEMS, sizeof(float));
    state->pairs = allocate(PAIRS, sizeof(fi_pair));
    state->labels = allocate(LABELS, sizeof(fi_pair));
    state->targets = allocate(LABELS, sizeof(float));
    state->right = allocate((size_t)INPUTS * FEATURES, sizeof(float));
    state->product = allocate((size_t)PAIRS * FEATURES, sizeof(float));
    for (size_t i = 0; i < (size_t)ITEMS * INPUTS; i++)
        state->embeddings[i] = (float)fi_rng_normal(&rng);
    for (size_t i = 0; i < (size_t)INPUTS * FEATURES; i++)
        state->right[i] = (float)fi_rng_normal(&rng);
    for (size_t i = 0; i < (size_t)ITEMS * FEATURES; i++)
        state->features[i] = (float)fi_rng_normal(&rng);
    for (size_t i = 0; i < ITEMS; i++)
        state->rewards[i] = (float)fi_rng_normal(&rng);
    fill_pairs(&rng, PAIRS, state->pairs);
    fill_pairs(&rng, LABELS, state->labels);
    for (size_t i = 0; i < LABELS; i++)
        state->targets[i] = fi_rng_uniform(&rng) < 0.5 ? 0.0f : 1.0f;
    fi_shape shape = {.inputs = INPUTS, .hidden_layers = 3, .hidden_width = FEATURES};
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
    fi_model_free(state->model);
    fi_information_free(state->past);
}

typedef struct products {
    double inputs;
    double pairs;
} products;

static void print(const char *what, double time, products unit) {
    printf("%-44s %9.3f ms %7.2f x A %7.2f x B\n", what, time, time / unit.inputs,
           time / unit.pairs);
}

static void measure_selection(bench *state, products unit, const char *strategy, size_t size) {
    char what[80];
    state->options = (fi_selection_options){
        .strategy = fi_strategy_find(strategy),
        .batch_size = size,
        .prior_precision = 1.0,
    };
    snprintf(what, sizeof(what), "%s, k = %zu, features cached", strategy, size);
    print(what, median(select_cached, state), unit);
    snprintf(what, sizeof(what), "%s, k = %zu, features anew", strategy, size);
    print(what, median(select_anew, state), unit);
    snprintf(what, sizeof(what), "%s, k = %zu, all pairs", strategy, size);
    print(what, median(select_all, state), unit);
}

static size_t peak_kilobytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss;
}

int main(void) {
    bench state = {0};
    openblas_set_num_threads(1);
    prepare(&state);
    printf("%s kernels, %d thread, medians of %d runs; %d pairs over %d items, D = %d, h = %d\n",
           openblas_get_corename(), openblas_get_num_threads(), RUNS, PAIRS, ITEMS, INPUTS,
           FEATURES);
    products unit = {median(product_of_inputs, &state), median(product_of_pairs, &state)};
    print("A: sgemm 5000x2048 by 2048x64", unit.inputs, unit);
    print("B: sgemm 20000x64 by 64x64", unit.pairs, unit);
    print("features of all items", median(compute_features, &state), unit);
    gram = allocate((size_t)ITEMS*ITEMS, 4);
    for (uint32_t i = 0; i < ITEMS; i++) members[i] = i;
    print("C: sgemm 5000x64 by 64x5000", median(product_of_all, &state), unit);
    size_t peak = peak_kilobytes();
    static const size_t label_counts[] = {0, 1000, LABELS};
    for (size_t i = 0; i < FD_LENGTH(label_counts); i++) {
        state.label_count = label_counts[i];
        printf("-- %zu labels\n", state.label_count);
        print("information of the labels", median(build_past, &state), unit);
        measure_selection(&state, unit, "pa-dopt", 125);
        measure_selection(&state, unit, "pa-dopt", 500);
        measure_selection(&state, unit, "greedy", 125);
        measure_selection(&state, unit, "greedy", 500);
    }
    printf("peak memory grew by %zu kB in selection\n", peak_kilobytes() - peak);
    for (size_t i = 1; i < FD_LENGTH(label_counts); i++) {
        state.label_count = label_counts[i];
        char what[80];
        snprintf(what, sizeof(what), "training iteration, %zu labels", state.label_count);
        print(what, median(train, &state) / TRAINING_STEPS, unit);
    }
    release(&state);
    return 0;
}
