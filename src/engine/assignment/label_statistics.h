/* Statistics of the labels, by annotator, arm and time, and of the batches. */
#ifndef FD_LABEL_STATISTICS_H
#define FD_LABEL_STATISTICS_H

#include "batch_history.h"
#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"

/* Labels that are not retracted, by their newest revision. */
typedef struct fd_label_counts {
    uint64_t labels;
    uint64_t by_preference[FD_PREFER_RETRACTED + 1];
    uint64_t timed;     /* with a duration */
    double duration_ms; /* the sum of the durations */
    double median_ms;   /* of the durations; of no meaning without any */
    uint64_t foretold;  /* a or b, of assignments for which the model preferred one of the two */
    uint64_t agreed;    /* of those, that prefer the same as the model */
    int64_t last_ms;    /* when the last one came; 0 without any */
} fd_label_counts;

typedef struct fd_annotator_counts {
    const char *name; /* lives as long as the engine */
    fd_label_counts tally;
    size_t column; /* of the buckets; not set without labels */
} fd_annotator_counts;

typedef struct fd_stats_request {
    int64_t from_ms;
    int64_t to_ms;     /* after from_ms */
    int64_t bucket_ms; /* at least 1 */
} fd_stats_request;

typedef struct fd_stats {
    fd_label_counts all;
    fd_label_counts active; /* of assignments that a strategy chose */
    fd_label_counts control;
    size_t n_annotators;
    fd_annotator_counts *annotators;
    size_t n_buckets;
    size_t n_columns;
    uint32_t *buckets; /* [n_buckets x n_columns] labels */
    size_t n_batches;
    fd_batch_record *batches; /* the latest ones since the start */
    size_t open_leases;
    size_t ready_active;
    size_t ready_control;
} fd_stats;

int fd_engine_stats(fd_engine *engine, const fd_stats_request *request,
                    fd_stats *ret) FD_MUST_CHECK;
void fd_stats_clear(fd_stats *stats);

#endif
