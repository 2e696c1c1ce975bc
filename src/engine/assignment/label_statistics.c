/* Counts labels by annotator, arm and time. */
#include "label_statistics.h"

#include <errno.h>
#include <string.h>

#include "assignment_id.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "thread.h"

/* ---- copies ---- */

static int copy_revisions(fd_engine *engine, fd_label_revision **ret, size_t *ret_count) {
    FD_READ_LOCKED(&engine->state_lock);
    size_t n = engine->labels.count;
    fd_label_revision *revisions = malloc((n + 1) * sizeof(*revisions));
    if (!revisions)
        return -ENOMEM;
    if (n > 0)
        memcpy(revisions, engine->labels.revisions, n * sizeof(*revisions));
    *ret = revisions;
    *ret_count = n;
    return 0;
}

static int name_annotators(fd_engine *engine, fd_stats *stats) {
    FD_FREE const char **names = NULL;
    int r = fd_annotators_list(engine->annotators, &names, &stats->n_annotators);
    if (r < 0)
        return r;
    stats->annotators = calloc(stats->n_annotators + 1, sizeof(*stats->annotators));
    if (!stats->annotators)
        return -ENOMEM;
    for (size_t i = 0; i < stats->n_annotators; i++)
        stats->annotators[i].name = names[i];
    return 0;
}

static int copy_batches(fd_engine *engine, fd_stats *stats) {
    stats->batches = calloc(FD_BATCHES_MAX, sizeof(*stats->batches));
    if (!stats->batches)
        return -ENOMEM;
    stats->n_batches = fd_batch_history_read(engine, stats->batches);
    return 0;
}

static void count_assignments(fd_engine *engine, fd_stats *stats) {
    const fd_assignments *assignments = engine->assignments;
    FD_LOCKED(&engine->assignments->lock);
    fd_leases_expire(engine);
    stats->open_leases = HASH_COUNT(assignments->leases.by_id);
    stats->ready_active = assignments->ready.arms[FD_ARM_ACTIVE].count;
    stats->ready_control = assignments->ready.arms[FD_ARM_CONTROL].count;
}

/* ---- counts ---- */

static void count(const fd_label_revision *revision, fd_label_counts *tally) {
    tally->labels++;
    tally->by_preference[revision->newest]++;
    if (revision->duration_ms >= 0) {
        tally->timed++;
        tally->duration_ms += (double)revision->duration_ms;
    }
    if (revision->created_ms > tally->last_ms)
        tally->last_ms = revision->created_ms;
    /* The model had a preference, and the label agrees with it or not. */
    int p = revision->origin & 0xfff;
    if (revision->origin != FD_ORIGIN_NONE && p != FD_ORIGIN_EVEN &&
        (revision->newest == FD_PREFER_A || revision->newest == FD_PREFER_B)) {
        tally->foretold++;
        tally->agreed += (p > FD_ORIGIN_EVEN) == (revision->newest == FD_PREFER_A);
    }
}

static bool is_in_range(const fd_label_revision *revisions, size_t i,
                        const fd_stats_request *request) {
    const fd_label_revision *revision = &revisions[i];
    return revision->label == i && revision->newest != FD_PREFER_RETRACTED &&
           revision->created_ms >= request->from_ms && revision->created_ms < request->to_ms;
}

static void count_all(const fd_label_revision *revisions, size_t n, const fd_stats_request *request,
                      fd_stats *stats) {
    for (size_t i = 0; i < n; i++) {
        const fd_label_revision *revision = &revisions[i];
        if (!is_in_range(revisions, i, request))
            continue;
        fd_annotator_counts *annotator = &stats->annotators[revision->annotator];
        if (annotator->tally.labels == 0)
            annotator->column = stats->n_columns++;
        count(revision, &stats->all);
        count(revision, &annotator->tally);
        if (revision->origin != FD_ORIGIN_NONE)
            count(revision,
                  (revision->origin & FD_ORIGIN_CONTROL) ? &stats->control : &stats->active);
    }
}

/* ---- medians ---- */

/* One duration of a label, which counts in up to three groups: all, an arm, an annotator. */
typedef struct timed_label {
    int64_t duration_ms;
    uint32_t annotator;
    uint16_t origin;
} timed_label;

static int compare_durations(const void *left, const void *right) {
    const timed_label *one = left, *other = right;
    return (one->duration_ms > other->duration_ms) - (one->duration_ms < other->duration_ms);
}

/* Takes the durations in ascending order: the middle one, or the mean of the middle two. */
static void take_duration(fd_label_counts *tally, uint64_t *seen, int64_t duration_ms) {
    uint64_t low = (tally->timed - 1) / 2, high = tally->timed / 2;
    if (*seen == low)
        tally->median_ms += (double)duration_ms / 2;
    if (*seen == high)
        tally->median_ms += (double)duration_ms / 2;
    ++*seen;
}

static int find_medians(const fd_label_revision *revisions, size_t n,
                        const fd_stats_request *request, fd_stats *stats) {
    FD_FREE timed_label *timed = malloc((stats->all.timed + 1) * sizeof(*timed));
    FD_FREE uint64_t *seen = calloc(stats->n_annotators + 1, sizeof(*seen));
    uint64_t seen_all = 0, seen_active = 0, seen_control = 0;
    size_t count = 0;
    if (!timed || !seen)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        if (is_in_range(revisions, i, request) && revisions[i].duration_ms >= 0)
            timed[count++] =
                (timed_label){revisions[i].duration_ms, (uint32_t)revisions[i].annotator,
                              (uint16_t)revisions[i].origin};
    if (count > 1)
        qsort(timed, count, sizeof(*timed), compare_durations);
    for (size_t i = 0; i < count; i++) {
        const timed_label *label = &timed[i];
        take_duration(&stats->all, &seen_all, label->duration_ms);
        take_duration(&stats->annotators[label->annotator].tally, &seen[label->annotator],
                      label->duration_ms);
        if (label->origin == FD_ORIGIN_NONE)
            continue;
        if (label->origin & FD_ORIGIN_CONTROL)
            take_duration(&stats->control, &seen_control, label->duration_ms);
        else
            take_duration(&stats->active, &seen_active, label->duration_ms);
    }
    return 0;
}

/* Only annotators with labels in the range have a column: there may be many names. */
static int fill_buckets(const fd_label_revision *revisions, size_t n,
                        const fd_stats_request *request, fd_stats *stats) {
    stats->n_buckets =
        (size_t)((request->to_ms - request->from_ms + request->bucket_ms - 1) / request->bucket_ms);
    stats->buckets = calloc(stats->n_buckets * stats->n_columns + 1, sizeof(*stats->buckets));
    if (!stats->buckets)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!is_in_range(revisions, i, request))
            continue;
        size_t bucket = (size_t)((revisions[i].created_ms - request->from_ms) / request->bucket_ms);
        size_t column = stats->annotators[revisions[i].annotator].column;
        stats->buckets[bucket * stats->n_columns + column]++;
    }
    return 0;
}

int fd_engine_stats(fd_engine *engine, const fd_stats_request *request, fd_stats *ret) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = {0};
    FD_FREE fd_label_revision *revisions = NULL;
    size_t n;
    /* Labels first: by then each of their annotators has a number. */
    int r = copy_revisions(engine, &revisions, &n);
    if (r == 0)
        r = name_annotators(engine, &stats);
    if (r == 0)
        r = copy_batches(engine, &stats);
    if (r < 0)
        return r;
    count_assignments(engine, &stats);
    count_all(revisions, n, request, &stats);
    r = find_medians(revisions, n, request, &stats);
    if (r == 0)
        r = fill_buckets(revisions, n, request, &stats);
    if (r < 0)
        return r;
    *ret = stats;
    memset(&stats, 0, sizeof(stats));
    return 0;
}

void fd_stats_clear(fd_stats *stats) {
    free(stats->annotators);
    free(stats->buckets);
    free(stats->batches);
    memset(stats, 0, sizeof(*stats));
}
