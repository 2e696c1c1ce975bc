/* What the benchmarks share: a program defines its own struct bench and passes steps of it. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <fisher/design.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "rng.h"

enum { BENCH_RUNS_MAX = 64 };

void openblas_set_num_threads(int threads);

typedef struct bench bench;
typedef void step(bench *state);

static inline void require(int r, const char *what) {
    if (r == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, strerror(-r));
    exit(1);
}

static inline void *allocate(size_t count, size_t size) {
    void *memory = calloc(count, size);
    require(memory ? 0 : -ENOMEM, "memory");
    return memory;
}

static inline double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

static inline double time_once(step *run, bench *state) {
    double start = milliseconds();
    run(state);
    return milliseconds() - start;
}

static inline int by_value(const void *x, const void *y) {
    double a = *(const double *)x;
    double b = *(const double *)y;
    return (a > b) - (a < b);
}

/* In milliseconds, of `runs` runs after one that warms up; of 3 where that took over a second, and
 * that run itself where it took over ten. */
static inline double median(step *run, bench *state, int runs) {
    double times[BENCH_RUNS_MAX];
    double warm = time_once(run, state);
    if (warm > 10e3)
        return warm;
    if (warm > 1e3)
        runs = 3;
    for (int i = 0; i < runs; i++)
        times[i] = time_once(run, state);
    qsort(times, (size_t)runs, sizeof(times[0]), by_value);
    return times[runs / 2];
}

static inline size_t peak_kilobytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (size_t)usage.ru_maxrss;
}

static inline void fill_normal(fd_rng *rng, size_t count, float *values) {
    for (size_t i = 0; i < count; i++)
        values[i] = (float)fd_rng_normal(rng);
}

static inline void fill_pairs(fd_rng *rng, size_t n_items, size_t count, fi_pair *pairs) {
    for (size_t i = 0; i < count; i++) {
        uint32_t a = (uint32_t)fd_rng_below(rng, n_items);
        uint32_t b = (uint32_t)fd_rng_below(rng, n_items - 1);
        pairs[i] = (fi_pair){a, b + (b >= a)};
    }
}

#endif
