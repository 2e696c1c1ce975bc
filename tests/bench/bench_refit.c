/*
 * Measures a refit of the last layer, with the blocks of the text and of a prior score, the side
 * and the design effect, against a plain fit: one block, whose precision the evidence sets, with D
 * given and without sides. Both are cold, or start from the fit to all answers but the newest. A
 * refit that starts so takes D over from that fit, as the daemon does, or measures it again.
 * Answers to random pairs within 500 prompts follow a true beta. Each number is a median of RUNS,
 * measured in turns.
 */
#include <cblas.h>
#include <fisher/last_layer.h>
#include <math.h>

#include "bench.h"
#include "macros.h"

enum {
    PROMPTS = 500,
    RESPONSES = 10,
    ITEMS = PROMPTS * RESPONSES,
    ANSWERS = 10000,
    NEW = 25,
    RUNS = 15,
    EMBEDDED = 128,
    EXTRAS = 11,
    WIDTH = EMBEDDED + EXTRAS,
    BLOCKS = 4,
};

/* A refit costs at most so many plain ones. */
#define MOST 1.5

struct bench {
    size_t count;       /* answers */
    float *features;    /* [ITEMS x WIDTH] */
    fi_pair *pairs;     /* [ANSWERS] */
    float *targets;     /* [ANSWERS] */
    float *sides;       /* [ANSWERS] */
    uint32_t *clusters; /* [ANSWERS] */
    double guess;
    double effect;
    bool measures_effect; /* in a warm refit too */
    fi_last_layer *start; /* of the whole fit; NULL: cold */
    fi_last_layer *plain_start;
    fi_last_layer *last;
};

static fi_last_layer *fit_whole(const bench *state, size_t count, const fi_last_layer *start) {
    const fi_block blocks[BLOCKS] = {
        {.first = 0, .count = EMBEDDED, .guess = state->guess, .shape = 1.0},
        {.first = EMBEDDED, .count = 1, .mean = 0.25, .guess = 4.0, .shape = 1.0, .averaged = true},
        {.first = EMBEDDED + 1, .count = 9, .guess = 160.0, .shape = 1.0, .averaged = true},
        {.first = EMBEDDED + 10, .count = 1, .mean = 0.3, .guess = 64.0, .shape = 1.0}};
    fi_answers answers = {.count = count,
                          .pairs = state->pairs,
                          .targets = state->targets,
                          .sides = state->sides,
                          .clusters = state->clusters};
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = blocks;
    options.n_blocks = BLOCKS;
    if (start && !state->measures_effect)
        options.design_effect = start->design_effect;
    fi_last_layer *layer;
    require(fi_last_layer_fit(ITEMS, WIDTH, state->features, &answers, &options, start, &layer),
            "refit");
    return layer;
}

static fi_last_layer *fit_plain(const bench *state, size_t count, const fi_last_layer *start) {
    const fi_block block = {.count = WIDTH, .guess = state->guess, .shape = 1.0};
    fi_answers answers = {.count = count, .pairs = state->pairs, .targets = state->targets};
    fi_last_layer_options options = fi_last_layer_defaults();
    options.blocks = &block;
    options.n_blocks = 1;
    options.design_effect = state->effect;
    fi_last_layer *layer;
    require(fi_last_layer_fit(ITEMS, WIDTH, state->features, &answers, &options, start, &layer),
            "plain fit");
    return layer;
}

static void keep(bench *state, fi_last_layer *layer) {
    fi_last_layer_free(state->last);
    state->last = layer;
}

static void run_whole(bench *state) {
    keep(state, fit_whole(state, state->count, state->start));
}

static void run_plain(bench *state) {
    keep(state, fit_plain(state, state->count, state->plain_start));
}

static void prepare(bench *state) {
    fd_rng rng = fd_rng_seeded(1);
    *state = (bench){
        .features = allocate(ITEMS * WIDTH, sizeof(float)),
        .pairs = allocate(ANSWERS, sizeof(fi_pair)),
        .targets = allocate(ANSWERS, sizeof(float)),
        .sides = allocate(ANSWERS, sizeof(float)),
        .clusters = allocate(ANSWERS, sizeof(uint32_t)),
        .guess = 2.0 * EMBEDDED,
        .effect = 1.0,
    };
    fill_normal(&rng, ITEMS * WIDTH, state->features);
    double truth[WIDTH];
    for (size_t j = 0; j < WIDTH; j++) /* logits with a standard deviation of 2 */
        truth[j] = fd_rng_normal(&rng) * sqrt(2.0 / (double)WIDTH);
    for (size_t i = 0; i < ANSWERS; i++) {
        uint32_t prompt = (uint32_t)fd_rng_below(&rng, PROMPTS);
        uint32_t a = (uint32_t)fd_rng_below(&rng, RESPONSES);
        uint32_t b = (a + 1 + (uint32_t)fd_rng_below(&rng, RESPONSES - 1)) % RESPONSES;
        state->pairs[i] = (fi_pair){prompt * RESPONSES + a, prompt * RESPONSES + b};
        state->clusters[i] = prompt;
        state->sides[i] = i % 2 ? 1.0f : -1.0f;
        double logit = 0.2 * (double)state->sides[i];
        for (size_t j = 0; j < WIDTH; j++)
            logit += truth[j] * ((double)state->features[state->pairs[i].a * WIDTH + j] -
                                 (double)state->features[state->pairs[i].b * WIDTH + j]);
        state->targets[i] = fd_rng_uniform(&rng) < fi_probability(logit) ? 1.0f : 0.0f;
    }
}

static void release(bench *state) {
    free(state->features);
    free(state->pairs);
    free(state->targets);
    free(state->sides);
    free(state->clusters);
    fi_last_layer_free(state->start);
    fi_last_layer_free(state->plain_start);
    fi_last_layer_free(state->last);
}

/* The processor time of this thread, in milliseconds. */
static double spend(step *run, bench *state) {
    struct timespec from, to;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    run(state);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    return (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) * 1e-6;
}

static void measure(bench *state, const char *what, double most) {
    double whole[RUNS], plain[RUNS];
    uint32_t whole_steps = 0, plain_steps = 0;
    run_whole(state);
    for (int i = 0; i < RUNS; i++) {
        plain[i] = spend(run_plain, state);
        plain_steps = state->last->iterations;
        whole[i] = spend(run_whole, state);
        whole_steps = state->last->iterations;
    }
    qsort(whole, RUNS, sizeof(whole[0]), by_value);
    qsort(plain, RUNS, sizeof(plain[0]), by_value);
    double ratio = whole[RUNS / 2] / plain[RUNS / 2];
    printf(
        "%6zu answers, %s: plain %8.2f ms, %2u steps; refit %8.2f ms, %2u steps, D %.2f: %5.2f x",
        state->count, what, plain[RUNS / 2], plain_steps, whole[RUNS / 2], whole_steps,
        state->last->design_effect, ratio);
    if (most > 0.0)
        printf("   target %.2f  %s", most, ratio <= most ? "met" : "MISSED");
    printf("\n");
}

int main(void) {
    static const size_t counts[] = {1000, ANSWERS};
    openblas_set_num_threads(1);
    printf("%s kernels, %d thread, medians of %d runs; %d items, %d + %d columns, warm: all but %d "
           "answers known\n",
           openblas_get_corename(), openblas_get_num_threads(), RUNS, ITEMS, EMBEDDED, EXTRAS, NEW);
    bench state;
    prepare(&state);
    for (size_t i = 0; i < FD_LENGTH(counts); i++) {
        state.count = counts[i];
        measure(&state, "cold", 0.0);
        state.start = fit_whole(&state, state.count - NEW, NULL);
        state.plain_start = fit_plain(&state, state.count - NEW, NULL);
        measure(&state, "warm", MOST);
        state.measures_effect = true;
        measure(&state, "warm, D measured", 0.0);
        state.measures_effect = false;
        fi_last_layer_free(state.start);
        fi_last_layer_free(state.plain_start);
        state.start = state.plain_start = NULL;
    }
    release(&state);
    return 0;
}
