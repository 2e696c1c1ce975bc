/*
 * Counters, gauges and histograms in Prometheus' text format. Each family is a row of metrics.def.
 * A series exists from its first update on. Any thread may update any series.
 */
#ifndef FD_METRICS_H
#define FD_METRICS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "macros.h"

typedef struct fd_metrics fd_metrics;

typedef enum fd_metric {
#define METRIC(identifier, ...) FD_METRIC_##identifier,
#include "metrics.def"
#undef METRIC
    FD_METRIC_COUNT
} fd_metric;

int fd_metrics_new(fd_metrics **ret) FD_MUST_CHECK;
void fd_metrics_free(fd_metrics *metrics);
FD_DEFINE_CLEANUP(fd_metrics, fd_metrics_free)

/* The three updates. The labels are the values of the family's label names, NULL where it has
 * none. They must come from a fixed set (the names of routes, statuses), never from input. */
void fd_metrics_add(fd_metrics *metrics, fd_metric metric, const char *label1, const char *label2,
                    double amount);
void fd_metrics_set(fd_metrics *metrics, fd_metric metric, const char *label1, const char *label2,
                    double value);
void fd_metrics_observe(fd_metrics *metrics, fd_metric metric, const char *label1,
                        const char *label2, double value);

/* Prints every family that has a series. */
void fd_metrics_print(fd_metrics *metrics, FILE *out);

#endif
