/*
 * Measures the strategies with targets as a refill calls them: 64 of 1,024 pairs within prompts,
 * 500 prompts of 24 items, 138 features, 400 answers. `a-opt` costs what `i-opt` costs once its
 * target is known, so the ratio to it shows what summing the targets adds. Medians of RUNS.
 */
#include <math.h>

#include "bench.h"
#include "macros.h"

enum { PROMPTS = 500, RESPONSES = 24, ITEMS = PROMPTS * RESPONSES, WIDTH = 138 };
enum {
    CANDIDATES = 1024,
    ANSWERS = 400,
    TARGETS = 250,
    PICKS = 64,
    WHOLE = 40,
    RUNS = 25,
    ROWS_MAX = 8
};

struct bench {
    float *features, *rewards;
    uint32_t *groups;
    fi_pair *pairs, *answers, *targets, *whole;
    fi_information *past;
    fi_selection_options options;
};

static void fill_within(fd_rng *rng, size_t count, fi_pair *pairs) {
    for (size_t i = 0; i < count; i++) {
        uint32_t first = (uint32_t)fd_rng_below(rng, PROMPTS) * RESPONSES;
        uint32_t a = (uint32_t)fd_rng_below(rng, RESPONSES);
        uint32_t b = (uint32_t)fd_rng_below(rng, RESPONSES - 1);
        pairs[i] = (fi_pair){first + a, first + b + (b >= a)};
    }
}

static fi_candidates list(const bench *state, size_t count, const fi_pair *pairs) {
    return (fi_candidates){ITEMS,          WIDTH, count,        state->features,
                           state->rewards, pairs, state->groups};
}

static void prepare(bench *state) {
    fd_rng rng = fd_rng_seeded(1);
    double beta[WIDTH];
    state->features = allocate((size_t)ITEMS * WIDTH, sizeof(float));
    state->rewards = allocate(ITEMS, sizeof(float));
    state->groups = allocate(ITEMS, sizeof(uint32_t));
    state->pairs = allocate(CANDIDATES, sizeof(fi_pair));
    state->answers = allocate(ANSWERS, sizeof(fi_pair));
    state->targets = allocate(TARGETS, sizeof(fi_pair));
    state->whole = allocate((size_t)WHOLE * RESPONSES, sizeof(fi_pair));
    fill_normal(&rng, (size_t)ITEMS * WIDTH, state->features);
    for (size_t j = 0; j < WIDTH; j++)
        beta[j] = 1.5 * fd_rng_normal(&rng) / sqrt(WIDTH);
    for (uint32_t i = 0; i < ITEMS; i++) {
        double reward = 0.0;
        for (size_t j = 0; j < WIDTH; j++)
            reward += beta[j] * (double)state->features[(size_t)i * WIDTH + j];
        state->rewards[i] = (float)reward;
        state->groups[i] = i / RESPONSES;
    }
    fill_within(&rng, CANDIDATES, state->pairs);
    fill_within(&rng, ANSWERS, state->answers);
    fill_within(&rng, TARGETS, state->targets);
    for (uint32_t i = 0; i < (uint32_t)WHOLE * RESPONSES; i++)
        state->whole[i] = (fi_pair){i - i % RESPONSES, i};
    fi_candidates answers = list(state, ANSWERS, state->answers);
    require(fi_information_new(WIDTH, &state->past), "past");
    require(fi_information_add(state->past, &answers), "past");
}

static void choose(bench *state) {
    fi_candidates from = list(state, CANDIDATES, state->pairs);
    fi_selection got;
    require(fi_select(&from, state->past, &state->options, &got), "select");
    fi_selection_clear(&got);
}

/* A strategy, its targets, and the most time in times of that of the first row; 0: any. */
typedef struct row {
    const char *what, *strategy;
    const fi_candidates *targets;
    double most;
} row;

static double run(bench *state, const row *of) {
    state->options = (fi_selection_options){.strategy = fi_strategy_find(of->strategy),
                                            .batch_size = PICKS,
                                            .prior_precision = 1.0,
                                            .copy_distance = 0.02,
                                            .targets = of->targets};
    return time_once(choose, state);
}

/* The rows run in turns, so that what else runs meets all of them. */
static void report(bench *state, size_t n, const row *rows) {
    static double times[ROWS_MAX][RUNS];
    for (int i = -1; i < RUNS; i++) /* the first turn warms up */
        for (size_t j = 0; j < n; j++)
            times[j][i < 0 ? 0 : i] = run(state, &rows[j]);
    for (size_t j = 0; j < n; j++) {
        qsort(times[j], RUNS, sizeof(times[j][0]), by_value);
        double time = times[j][RUNS / 2], ratio = time / times[0][RUNS / 2];
        printf("%-46s %8.2f ms %6.2f x a-opt", rows[j].what, time, ratio);
        if (rows[j].most > 0.0)
            printf("   target %4.1f  %s", rows[j].most, ratio <= rows[j].most ? "met" : "MISSED");
        printf("\n");
    }
}

int main(void) {
    openblas_set_num_threads(1);
    bench state = {0};
    prepare(&state);
    fi_candidates pairs = list(&state, TARGETS, state.targets);
    fi_candidates whole = list(&state, (size_t)WHOLE * RESPONSES, state.whole);
    const row rows[] = {
        {"a-opt, which has no targets", "a-opt", NULL, 0.0},
        {"i-opt, 250 targets", "i-opt", &pairs, 1.2},
        {"i-opt, the candidates as targets", "i-opt", NULL, 0.0},
        {"knowledge-gradient, 40 prompts of 24 items", "knowledge-gradient", &whole, 4.0},
        {"greedy", "greedy", NULL, 0.0},
        {"random: what every selection does", "random", NULL, 0.0},
    };
    report(&state, FD_LENGTH(rows), rows);
    fi_information_free(state.past);
    free(state.features);
    free(state.rewards);
    free(state.groups);
    free(state.pairs);
    free(state.answers);
    free(state.targets);
    free(state.whole);
    return 0;
}
