/*
 * Measures the fit of the last layer against a matrix product in the same process, with answers to
 * random pairs of 5,000 items that follow a true beta. Each number is a median of RUNS, measured in
 * turns with the unit, one sgemm of 10000xh by hxh.
 */
#include <cblas.h>
#include <fisher/refit.h>
#include <math.h>

#include "bench.h"
#include "macros.h"

enum { ITEMS = 5000, ANSWERS = 10000, NEW = 25, RUNS = 31, WIDEST = 128 };

static const double grid[] = {1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4};

struct bench {
    size_t h;
    size_t count;    /* answers */
    float *features; /* [ITEMS x h] */
    fi_pair *pairs;  /* [ANSWERS] */
    float *targets;  /* [ANSWERS] */
    float *left;     /* [ANSWERS x h] of the unit */
    float *right;    /* [h x h] */
    float *product;  /* [ANSWERS x h] */
    double start[WIDEST];
    double precision; /* where the evidence starts */
    fi_refit_result last;
};

static void unit(bench *state) {
    int h = (int)state->h;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, ANSWERS, h, h, 1.0f, state->left, h,
                state->right, h, 0.0f, state->product, h);
}

static fi_answers answers_of(const bench *state) {
    return (fi_answers){.count = state->count, .pairs = state->pairs, .targets = state->targets};
}

static void fit(bench *state) {
    fi_answers answers = answers_of(state);
    fi_refit_options options = fi_refit_defaults();
    double beta[WIDEST];
    memcpy(beta, state->start, sizeof(beta));
    require(fi_refit(ITEMS, state->h, state->features, &answers, &options, beta, &state->last),
            "refit");
}

static void fit_grid(bench *state) {
    fi_answers answers = answers_of(state);
    fi_refit_options options = fi_refit_defaults();
    double beta[WIDEST], precision;
    memcpy(beta, state->start, sizeof(beta));
    require(fi_refit_best(ITEMS, state->h, state->features, &answers, grid, FD_LENGTH(grid), NULL,
                          &options, beta, &precision, &state->last),
            "grid");
}

static void fit_evidence(bench *state) {
    fi_answers answers = answers_of(state);
    fi_refit_options options = fi_refit_defaults();
    double beta[WIDEST], precision = state->precision;
    memcpy(beta, state->start, sizeof(beta));
    require(fi_refit_evidence(ITEMS, state->h, state->features, &answers, &options, beta,
                              &precision, &state->last),
            "evidence");
}

/* The fit to all answers except the newest. */
static void start_warm(bench *state) {
    fi_answers before = {.count = state->count - NEW, .pairs = state->pairs, .targets = state->targets};
    fi_refit_options options = fi_refit_defaults();
    memset(state->start, 0, sizeof(state->start));
    require(
        fi_refit(ITEMS, state->h, state->features, &before, &options, state->start, &state->last),
        "start");
}

static void start_settled(bench *state) {
    fi_answers before = {.count = state->count - NEW, .pairs = state->pairs, .targets = state->targets};
    fi_refit_options options = fi_refit_defaults();
    memset(state->start, 0, sizeof(state->start));
    state->precision = 1.0;
    require(fi_refit_evidence(ITEMS, state->h, state->features, &before, &options, state->start,
                              &state->precision, &state->last),
            "start");
}

static void prepare(bench *state, size_t h) {
    fd_rng rng = fd_rng_seeded(1);
    *state = (bench){
        .h = h,
        .features = allocate(ITEMS * h, sizeof(float)),
        .pairs = allocate(ANSWERS, sizeof(fi_pair)),
        .targets = allocate(ANSWERS, sizeof(float)),
        .left = allocate(ANSWERS * h, sizeof(float)),
        .right = allocate(h * h, sizeof(float)),
        .product = allocate(ANSWERS * h, sizeof(float)),
    };
    fill_normal(&rng, ITEMS * h, state->features);
    fill_normal(&rng, ANSWERS * h, state->left);
    fill_normal(&rng, h * h, state->right);
    fill_pairs(&rng, ITEMS, ANSWERS, state->pairs);
    double truth[WIDEST];
    for (size_t j = 0; j < h; j++) /* logits with a standard deviation of 2 */
        truth[j] = fd_rng_normal(&rng) * sqrt(2.0 / (double)h);
    for (size_t i = 0; i < ANSWERS; i++) {
        const float *a = state->features + state->pairs[i].a * h;
        const float *b = state->features + state->pairs[i].b * h;
        double logit = 0.0;
        for (size_t j = 0; j < h; j++)
            logit += truth[j] * ((double)a[j] - (double)b[j]);
        state->targets[i] = fd_rng_uniform(&rng) < fi_probability(logit) ? 1.0f : 0.0f;
    }
}

static void release(bench *state) {
    free(state->features);
    free(state->pairs);
    free(state->targets);
    free(state->left);
    free(state->right);
    free(state->product);
}

static void report(bench *state, const char *what, step *run, double most) {
    double times[RUNS], units[RUNS];
    run(state);
    unit(state);
    for (int i = 0; i < RUNS; i++) {
        times[i] = time_once(run, state);
        units[i] = time_once(unit, state);
    }
    qsort(times, RUNS, sizeof(times[0]), by_value);
    qsort(units, RUNS, sizeof(units[0]), by_value);
    double ratio = times[RUNS / 2] / units[RUNS / 2];
    printf("%-32s %9.3f ms %7.2f x, %2u steps", what, times[RUNS / 2], ratio,
           state->last.iterations);
    if (most > 0.0)
        printf("   target %5.2f  %s", most, ratio <= most ? "met" : "MISSED");
    printf("\n");
}

static void measure(size_t h, size_t count) {
    bench state;
    prepare(&state, h);
    state.count = count;
    printf("\nh = %zu, %zu answers\n", h, count);
    report(&state, "unit", unit, 0.0);
    report(&state, "cold", fit, 0.0);
    start_warm(&state);
    report(&state, "warm", fit, 20.0);
    report(&state, "warm, by a grid of 7", fit_grid, 0.0);
    start_settled(&state);
    report(&state, "warm, by evidence", fit_evidence, 20.0);
    memset(state.start, 0, sizeof(state.start));
    state.precision = 1.0;
    report(&state, "cold, by evidence from 1", fit_evidence, 0.0);
    release(&state);
}

int main(void) {
    openblas_set_num_threads(1);
    printf("%s kernels, %d thread, medians of %d runs; %d items, warm: all but %d answers known\n",
           openblas_get_corename(), openblas_get_num_threads(), RUNS, ITEMS, NEW);
    measure(64, ANSWERS);
    measure(64, 1000);
    measure(WIDEST, ANSWERS);
    return 0;
}
