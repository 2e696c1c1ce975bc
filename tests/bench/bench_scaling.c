/*
 * Measures how the time of a selection grows with the number of candidates, of features, of pairs
 * in the batch and, for pools, of items. For pools it also measures the peak of memory. Prints one
 * line `series,x,value` per point, in milliseconds, or in kB if the name of the series ends in
 * "memory":
 *
 *     bench_scaling | python3 tests/bench/plot_scaling.py
 */
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "macros.h"

enum { ITEMS = 5000, PAIRS = 20000, FEATURES = 64, BATCH = 125, LABELS = 1000, RUNS = 9 };

struct bench {
    fi_candidates from;
    fi_pool pool;
    fi_information *past;
    fi_selection_options options;
    float *features;
    float *rewards;
    fi_pair *pairs;
    uint32_t *members;
};

static void prepare(bench *state, size_t n_items, size_t n_features, size_t n_pairs) {
    fd_rng rng = fd_rng_seeded(1);
    *state = (bench){
        .features = allocate(n_items * n_features, sizeof(float)),
        .rewards = allocate(n_items, sizeof(float)),
        .pairs = allocate(n_pairs, sizeof(fi_pair)),
        .members = allocate(n_items, sizeof(uint32_t)),
    };
    fill_normal(&rng, n_items * n_features, state->features);
    fill_normal(&rng, n_items, state->rewards);
    fill_pairs(&rng, n_items, n_pairs, state->pairs);
    for (size_t i = 0; i < n_items; i++)
        state->members[i] = (uint32_t)i;
    state->from = (fi_candidates){.n_items = n_items,
                                  .n_features = n_features,
                                  .n_pairs = n_pairs,
                                  .features = state->features,
                                  .rewards = state->rewards,
                                  .pairs = state->pairs};
}

/* The past has pairs of the first `n_items` items, which are all items of the pool. */
static void learn(bench *state, size_t n_items) {
    fi_pair labels[LABELS];
    fd_rng rng = fd_rng_seeded(2);
    fill_pairs(&rng, n_items, LABELS, labels);
    fi_candidates labelled = state->from;
    labelled.n_pairs = LABELS;
    labelled.pairs = labels;
    fi_information_free(state->past);
    require(fi_information_new(labelled.n_features, &state->past), "past");
    require(fi_information_add(state->past, &labelled), "past");
}

static void release(bench *state) {
    fi_information_free(state->past);
    free(state->features);
    free(state->rewards);
    free(state->pairs);
    free(state->members);
}

static void choose(bench *state, const char *strategy, size_t batch_size) {
    state->options = (fi_selection_options){
        .strategy = fi_strategy_find(strategy),
        .batch_size = batch_size,
        .prior_precision = 1.0,
    };
}

static void select_listed(bench *state) {
    fi_selection selection;
    require(fi_select(&state->from, state->past, &state->options, &selection), "select");
    fi_selection_clear(&selection);
}

static void select_all(bench *state) {
    fi_selection selection;
    fi_pool_view *view;
    require(fi_pool_view_new(&state->pool, &view), "view");
    require(fi_select_pool(view, state->past, &state->options, &selection), "select");
    fi_pool_view_free(view);
    fi_selection_clear(&selection);
}

static void point(bench *state, step *run, const char *strategy, const char *by, size_t x) {
    fprintf(stderr, "%s by %s: %zu\n", strategy, by, x);
    printf("%s by %s,%zu,%.4g\n", strategy, by, x, median(run, state, RUNS));
    fflush(stdout);
}

static void by_candidates(void) {
    static const size_t counts[] = {1000, 10000, 100000, 1000000, 10000000};
    bench state;
    prepare(&state, ITEMS, FEATURES, counts[FD_LENGTH(counts) - 1]);
    learn(&state, ITEMS);
    for (size_t i = 0; i < FD_LENGTH(counts); i++) {
        state.from.n_pairs = counts[i];
        choose(&state, "pa-dopt", BATCH);
        point(&state, select_listed, "pa-dopt", "candidates", counts[i]);
        choose(&state, "greedy", BATCH);
        point(&state, select_listed, "greedy", "candidates", counts[i]);
    }
    release(&state);
}

static void by_features(void) {
    static const size_t widths[] = {32, 64, 128, 256};
    for (size_t i = 0; i < FD_LENGTH(widths); i++) {
        bench state;
        prepare(&state, ITEMS, widths[i], PAIRS);
        learn(&state, ITEMS);
        choose(&state, "pa-dopt", BATCH);
        point(&state, select_listed, "pa-dopt", "features", widths[i]);
        choose(&state, "greedy", BATCH);
        point(&state, select_listed, "greedy", "features", widths[i]);
        release(&state);
    }
}

static void by_batch(void) {
    static const size_t sizes[] = {1, 5, 25, 125, 500, 2000};
    static const char *const strategies[] = {"pa-dopt", "greedy", "exchange", "a-opt"};
    bench state;
    prepare(&state, ITEMS, FEATURES, PAIRS);
    learn(&state, ITEMS);
    for (size_t j = 0; j < FD_LENGTH(strategies); j++)
        for (size_t i = 0; i < FD_LENGTH(sizes); i++) {
            choose(&state, strategies[j], sizes[i]);
            point(&state, select_listed, strategies[j], "batch", sizes[i]);
        }
    release(&state);
}

static void by_items(const char *strategy, size_t most) {
    static const size_t counts[] = {500, 1000, 2000, 5000, 10000, 20000, 50000, 100000};
    bench state;
    prepare(&state, most, FEATURES, 0);
    choose(&state, strategy, BATCH);
    size_t before = 0;
    for (size_t i = 0; i < FD_LENGTH(counts) && counts[i] <= most; i++) {
        state.pool = (fi_pool){.n_items = counts[i],
                               .n_features = FEATURES,
                               .features = state.features,
                               .rewards = state.rewards,
                               .scope = FI_SCOPE_ANY,
                               .n_members = counts[i],
                               .members = state.members};
        learn(&state, counts[i]);
        if (before == 0)
            before = peak_kilobytes();
        point(&state, select_all, strategy, "items", counts[i]);
        printf("%s by items memory,%zu,%zu\n", strategy, counts[i], peak_kilobytes() - before);
    }
    release(&state);
}

/* Runs in its own process, because a peak of memory never falls. */
static void by_items_apart(const char *strategy, size_t most) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    require(child < 0 ? -errno : 0, "fork");
    if (child == 0) {
        by_items(strategy, most);
        exit(0);
    }
    require(waitpid(child, &status, 0) < 0 ? -errno : 0, "wait");
    require(status ? -ECHILD : 0, strategy);
}

int main(void) {
    openblas_set_num_threads(1);
    printf("# one thread, medians of %d runs; %d items, h = %d, %d candidates, k = %d, %d labels\n"
           "# before, unless the series is by that; items: over all pairs\n"
           "# series,x,ms (kB where the series ends in memory)\n",
           RUNS, ITEMS, FEATURES, PAIRS, BATCH, LABELS);
    by_items_apart("pa-dopt", 100000);
    by_items_apart("greedy", 20000);
    by_candidates();
    by_features();
    by_batch();
    return 0;
}
