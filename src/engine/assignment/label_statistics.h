/* Statistics of the labels, by annotator, arm and time, and of the batches. Their size is bounded,
 * however many annotators there are: the busiest are listed, the others counted together. */
#ifndef FD_LABEL_STATISTICS_H
#define FD_LABEL_STATISTICS_H

#include "batch_history.h"
#include "comparable.h"
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
    double reliability;        /* by the model that serves (reliability.h); NaN: not estimated */
    double reliability_stddev; /* NaN where that is */
} fd_annotator_counts;

/* The buckets hold at most this many counts, so with many buckets fewer annotators. */
enum { FD_STATS_CELLS_MAX = 10000 };

typedef struct fd_stats_request {
    int64_t from_ms;
    int64_t to_ms;         /* after from_ms */
    int64_t bucket_ms;     /* at least 1 */
    size_t names;          /* annotators that are listed, at most */
    const char *annotator; /* only labels of this one; NULL: all */
} fd_stats_request;

typedef struct fd_stats {
    fd_label_counts all;
    fd_label_counts active; /* of assignments that a strategy chose */
    fd_label_counts control;
    size_t n_annotators;             /* that are listed */
    fd_annotator_counts *annotators; /* [n_annotators] with labels, the busiest first */
    size_t n_others;                 /* annotators with labels that are not listed */
    fd_label_counts others;
    size_t n_buckets;
    size_t n_columns;        /* the first annotators of the list */
    uint32_t *buckets;       /* [n_buckets x n_columns] labels */
    uint32_t *bucket_others; /* [n_buckets] labels of all without a column */
    size_t n_batches;
    fd_batch_record *batches; /* the latest ones since the start */
    size_t open_leases;
    size_t ready_active;
    size_t ready_control;
    fd_incomparable_counts incomparable;
} fd_stats;

int fd_engine_stats(fd_engine *engine, const fd_stats_request *request,
                    fd_stats *ret) FD_MUST_CHECK;
void fd_stats_clear(fd_stats *stats);

#endif
