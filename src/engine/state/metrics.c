/* Keeps the series of each metric under a lock of its own, and prints them. */
#include "metrics.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "thread.h"

typedef enum { COUNTER, GAUGE, HISTOGRAM } kind;

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

enum { BUCKETS_MAX = 15 };

static const double buckets_NONE[BUCKETS_MAX] = {INFINITY};
static const double buckets_LATENCY[BUCKETS_MAX] = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, INFINITY};
static const double buckets_WORK[BUCKETS_MAX] = {0.001, 0.01, 0.05, 0.1, 0.25, 0.5,  1,       2.5,
                                                 5,     10,   30,   60,  300,  1000, INFINITY};

static const struct {
    kind kind;
    const char *name;
    const char *help;
    const char *label1;
    const char *label2;
    const double *buckets;
} families[] = {
#define METRIC(identifier, kind, name, help, label1, label2, buckets)                              \
    {kind, name, help, label1, label2, buckets_##buckets},
#include "metrics.def"
#undef METRIC
};

/* One combination of label values. A gauge or a counter keeps its value in `sum`. */
struct series {
    struct series *next;
    char *label1;
    char *label2;
    double sum;
    uint64_t count;
    uint64_t buckets[BUCKETS_MAX]; /* not cumulative */
};

struct fd_metrics {
    struct {
        pthread_mutex_t lock;
        struct series *series; /* guarded by lock */
    } families[FD_METRIC_COUNT];
};

int fd_metrics_new(fd_metrics **ret) {
    fd_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics)
        return -ENOMEM;
    for (size_t i = 0; i < FD_METRIC_COUNT; i++)
        (void)pthread_mutex_init(&metrics->families[i].lock, NULL);
    *ret = metrics;
    return 0;
}

static void series_free(struct series *series) {
    free(series->label1);
    free(series->label2);
    free(series);
}
FD_DEFINE_CLEANUP(struct series, series_free)

void fd_metrics_free(fd_metrics *metrics) {
    for (size_t i = 0; i < FD_METRIC_COUNT; i++) {
        for (struct series *s = metrics->families[i].series, *next; s; s = next) {
            next = s->next;
            series_free(s);
        }
        (void)pthread_mutex_destroy(&metrics->families[i].lock);
    }
    free(metrics);
}

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Finds or makes a series, with the lock held. NULL without memory: then only the number is lost.
 */
static struct series *find_series(fd_metrics *metrics, fd_metric metric, const char *label1,
                                  const char *label2) {
    assert(!label1 == !families[metric].label1 && !label2 == !families[metric].label2);
    struct series **end = &metrics->families[metric].series;
    for (; *end; end = &(*end)->next)
        if (same((*end)->label1, label1) && same((*end)->label2, label2))
            return *end;

    FD_CLEANUP(series_freep) struct series *fresh = calloc(1, sizeof(*fresh));
    if (!fresh)
        return NULL;
    fresh->label1 = label1 ? strdup(label1) : NULL;
    fresh->label2 = label2 ? strdup(label2) : NULL;
    if ((label1 && !fresh->label1) || (label2 && !fresh->label2))
        return NULL;
    *end = fresh;
    return FD_STEAL(fresh);
}

void fd_metrics_add(fd_metrics *metrics, fd_metric metric, const char *label1, const char *label2,
                    double amount) {
    FD_LOCKED(&metrics->families[metric].lock);
    struct series *series = find_series(metrics, metric, label1, label2);
    if (series)
        series->sum += amount;
}

void fd_metrics_set(fd_metrics *metrics, fd_metric metric, const char *label1, const char *label2,
                    double value) {
    FD_LOCKED(&metrics->families[metric].lock);
    struct series *series = find_series(metrics, metric, label1, label2);
    if (series)
        series->sum = value;
}

void fd_metrics_observe(fd_metrics *metrics, fd_metric metric, const char *label1,
                        const char *label2, double value) {
    assert(families[metric].kind == HISTOGRAM);
    FD_LOCKED(&metrics->families[metric].lock);
    struct series *series = find_series(metrics, metric, label1, label2);
    if (!series)
        return;
    const double *bucket = families[metric].buckets;
    while (value > *bucket)
        bucket++;
    series->buckets[bucket - families[metric].buckets]++;
    series->count++;
    series->sum += value;
}

/* ---- text ---- */

static void print_value(FILE *out, double value) {
    if (isnan(value))
        (void)fputs("NaN\n", out);
    else if (isinf(value))
        (void)fputs(value > 0 ? "+Inf\n" : "-Inf\n", out);
    else
        (void)fprintf(out, "%.17g\n", value);
}

/* name{label1="…",label2="…",le="…"}; label values come from fixed sets and need no escaping. */
static void print_name(FILE *out, size_t metric, const char *suffix, const struct series *series,
                       const double *le) {
    const char *separator = "{";
    (void)fprintf(out, "%s%s", families[metric].name, suffix);
    const char *labels[][2] = {{families[metric].label1, series->label1},
                               {families[metric].label2, series->label2}};
    for (size_t i = 0; i < FD_LENGTH(labels); i++) {
        if (!labels[i][0])
            continue;
        (void)fprintf(out, "%s%s=\"%s\"", separator, labels[i][0], labels[i][1]);
        separator = ",";
    }
    if (le && isinf(*le))
        (void)fprintf(out, "%sle=\"+Inf\"", separator);
    else if (le)
        (void)fprintf(out, "%sle=\"%g\"", separator, *le);
    (void)fputs(le || separator[0] == ',' ? "} " : " ", out);
}

static void print_histogram(FILE *out, size_t metric, const struct series *series) {
    uint64_t cumulative = 0;
    for (size_t i = 0; i < BUCKETS_MAX; i++) {
        const double *le = &families[metric].buckets[i];
        cumulative += series->buckets[i];
        print_name(out, metric, "_bucket", series, le);
        (void)fprintf(out, "%llu\n", (unsigned long long)cumulative);
        if (isinf(*le))
            break;
    }
    print_name(out, metric, "_sum", series, NULL);
    print_value(out, series->sum);
    print_name(out, metric, "_count", series, NULL);
    (void)fprintf(out, "%llu\n", (unsigned long long)series->count);
}

static void print_family(FILE *out, size_t metric, const struct series *series) {
    if (series)
        (void)fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", families[metric].name,
                      families[metric].help, families[metric].name,
                      kind_names[families[metric].kind]);
    for (; series; series = series->next) {
        if (families[metric].kind == HISTOGRAM) {
            print_histogram(out, metric, series);
        } else {
            print_name(out, metric, "", series, NULL);
            print_value(out, series->sum);
        }
    }
}

void fd_metrics_print(fd_metrics *metrics, FILE *out) {
    for (size_t i = 0; i < FD_METRIC_COUNT; i++) {
        FD_LOCKED(&metrics->families[i].lock);
        print_family(out, i, metrics->families[i].series);
    }
}
