/* Counts labels by annotator, arm and time. */
#include "label_statistics.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignment_id.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "incomparable_pairs.h"
#include "thread.h"

/* ---- reading the labels ---- */

/* Labels are copied in parts, so that neither much memory nor the lock is held. */
enum { COPIED_AT_ONCE = 4096 };

/* Medians look at the newest labels of the range, so that they take little memory. */
enum { MEDIAN_LABELS_MAX = 1 << 20 };

/* The duration of a label, which counts in up to three groups: all, an arm, an annotator. */
typedef struct timed_label {
    int64_t duration_ms;
    uint32_t place; /* of the annotator in the list plus 1; 0: among the others */
    uint16_t origin;
} timed_label;

struct counting {
    const fd_stats_request *request;
    fd_stats *stats;
    uint32_t only;       /* the number of the annotator asked for; FD_NOBODY: all */
    size_t n_known;      /* annotators */
    uint32_t *annotated; /* [n_known] labels of each; once listed, the place in the list plus 1 */
    size_t n_timed;      /* labels with a duration so far */
    size_t timed_room;   /* at most MEDIAN_LABELS_MAX */
    timed_label *timed;  /* [timed_room] the newest of them */
};

typedef void count_label(struct counting *counting, const fd_label_revision *revision);

static size_t copy_part(fd_engine *engine, size_t first, size_t end, fd_label_revision *part) {
    FD_READ_LOCKED(&engine->state_lock);
    size_t n = end - first < COPIED_AT_ONCE ? end - first : COPIED_AT_ONCE;
    memcpy(part, engine->labels.revisions + first, n * sizeof(*part));
    return n;
}

static size_t count_revisions(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->labels.count;
}

static bool is_counted(const struct counting *counting, const fd_label_revision *revision,
                       size_t place) {
    const fd_stats_request *request = counting->request;
    return revision->label == place && revision->newest != FD_PREFER_RETRACTED &&
           revision->created_ms >= request->from_ms && revision->created_ms < request->to_ms &&
           (!request->annotator || revision->annotator == counting->only);
}

static int visit_labels(fd_engine *engine, struct counting *counting, size_t n,
                        count_label *visit) {
    FD_FREE fd_label_revision *part = malloc(COPIED_AT_ONCE * sizeof(*part));
    if (!part)
        return -ENOMEM;
    for (size_t first = 0; first < n;) {
        size_t copied = copy_part(engine, first, n, part);
        for (size_t i = 0; i < copied; i++)
            if (is_counted(counting, &part[i], first + i))
                visit(counting, &part[i]);
        first += copied;
    }
    return 0;
}

/* ---- other figures ---- */

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

static void count_in_total(struct counting *counting, const fd_label_revision *revision) {
    fd_stats *stats = counting->stats;
    count(revision, &stats->all);
    if (revision->origin != FD_ORIGIN_NONE)
        count(revision, (revision->origin & FD_ORIGIN_CONTROL) ? &stats->control : &stats->active);
    counting->annotated[revision->annotator]++;
}

/* A label may have been retracted, or restored, since it was counted in total. */
static void count_by_annotator(struct counting *counting, const fd_label_revision *revision) {
    const fd_stats_request *request = counting->request;
    fd_stats *stats = counting->stats;
    size_t bucket = (size_t)((revision->created_ms - request->from_ms) / request->bucket_ms);
    size_t place = counting->annotated[revision->annotator];
    count(revision, place > 0 ? &stats->annotators[place - 1].tally : &stats->others);
    if (revision->duration_ms >= 0 && counting->timed_room > 0)
        counting->timed[counting->n_timed++ % counting->timed_room] =
            (timed_label){revision->duration_ms, (uint32_t)place, revision->origin};
    if (place > 0 && place <= stats->n_columns)
        stats->buckets[bucket * stats->n_columns + place - 1]++;
    else
        stats->bucket_others[bucket]++;
}

/* ---- the list ---- */

struct busy {
    uint32_t labels, number;
};

static int compare_busy(const void *one, const void *other) {
    const struct busy *a = one, *b = other;
    if (a->labels != b->labels)
        return a->labels > b->labels ? -1 : 1;
    return a->number < b->number ? -1 : 1;
}

/* What the model that serves knows of an annotator. */
static void read_reliability(fd_engine *engine, uint32_t number, fd_annotator_counts *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    const fi_reliabilities *known =
        engine->snapshot ? fd_served_model_reliabilities(engine->snapshot->served) : NULL;
    bool is_known = known && number < known->count;
    ret->reliability = is_known ? known->values[number] : NAN;
    ret->reliability_stddev = is_known ? known->stddevs[number] : NAN;
}

/* Lists the busiest annotators, and gives each its place. */
static int list_annotators(fd_engine *engine, struct counting *counting) {
    fd_stats *stats = counting->stats;
    FD_FREE struct busy *busy = calloc(counting->n_known + 1, sizeof(*busy));
    size_t n = 0;
    if (!busy)
        return -ENOMEM;
    for (size_t i = 0; i < counting->n_known; i++)
        if (counting->annotated[i] > 0)
            busy[n++] = (struct busy){counting->annotated[i], (uint32_t)i};
    qsort(busy, n, sizeof(*busy), compare_busy);
    stats->n_annotators = n < counting->request->names ? n : counting->request->names;
    stats->n_others = n - stats->n_annotators;
    stats->annotators = calloc(stats->n_annotators + 1, sizeof(*stats->annotators));
    if (!stats->annotators)
        return -ENOMEM;
    memset(counting->annotated, 0, counting->n_known * sizeof(*counting->annotated));
    for (size_t i = 0; i < stats->n_annotators; i++) {
        stats->annotators[i].name = fd_annotators_name(engine->annotators, busy[i].number);
        read_reliability(engine, busy[i].number, &stats->annotators[i]);
        counting->annotated[busy[i].number] = (uint32_t)i + 1;
    }
    return 0;
}

static int make_buckets(const fd_stats_request *request, fd_stats *stats) {
    stats->n_buckets =
        (size_t)((request->to_ms - request->from_ms + request->bucket_ms - 1) / request->bucket_ms);
    size_t most = FD_STATS_CELLS_MAX / stats->n_buckets;
    stats->n_columns = stats->n_annotators < most ? stats->n_annotators : most;
    stats->buckets = calloc(stats->n_buckets * stats->n_columns + 1, sizeof(*stats->buckets));
    stats->bucket_others = calloc(stats->n_buckets, sizeof(*stats->bucket_others));
    return stats->buckets && stats->bucket_others ? 0 : -ENOMEM;
}

/* ---- medians ---- */

/* A group of labels, as their durations come in ascending order. */
typedef struct median {
    uint64_t count, seen;
    double *ret_ms;
} median;

static int compare_durations(const void *left, const void *right) {
    const timed_label *one = left, *other = right;
    return (one->duration_ms > other->duration_ms) - (one->duration_ms < other->duration_ms);
}

/* The middle one, or the mean of the middle two. */
static void take_duration(median *group, int64_t duration_ms) {
    if (group->seen == (group->count - 1) / 2)
        *group->ret_ms += (double)duration_ms / 2;
    if (group->seen == group->count / 2)
        *group->ret_ms += (double)duration_ms / 2;
    group->seen++;
}

enum { GROUP_ALL, GROUP_ACTIVE, GROUP_CONTROL, GROUP_OTHERS, GROUPS };

/* Fills `groups` with those of a label, and returns how many these are. */
static size_t groups_of(const timed_label *label, size_t groups[static 3]) {
    size_t n = 0;
    groups[n++] = GROUP_ALL;
    groups[n++] = label->place > 0 ? GROUPS + label->place - 1 : GROUP_OTHERS;
    if (label->origin != FD_ORIGIN_NONE)
        groups[n++] = (label->origin & FD_ORIGIN_CONTROL) ? GROUP_CONTROL : GROUP_ACTIVE;
    return n;
}

static int find_medians(struct counting *counting) {
    fd_stats *stats = counting->stats;
    size_t n = counting->n_timed < counting->timed_room ? counting->n_timed : counting->timed_room;
    FD_FREE median *medians = calloc(GROUPS + stats->n_annotators, sizeof(*medians));
    size_t groups[3];
    if (!medians)
        return -ENOMEM;
    medians[GROUP_ALL].ret_ms = &stats->all.median_ms;
    medians[GROUP_ACTIVE].ret_ms = &stats->active.median_ms;
    medians[GROUP_CONTROL].ret_ms = &stats->control.median_ms;
    medians[GROUP_OTHERS].ret_ms = &stats->others.median_ms;
    for (size_t i = 0; i < stats->n_annotators; i++)
        medians[GROUPS + i].ret_ms = &stats->annotators[i].tally.median_ms;
    if (n > 1)
        qsort(counting->timed, n, sizeof(*counting->timed), compare_durations);
    for (size_t i = 0; i < n; i++)
        for (size_t g = groups_of(&counting->timed[i], groups); g-- > 0;)
            medians[groups[g]].count++;
    for (size_t i = 0; i < n; i++)
        for (size_t g = groups_of(&counting->timed[i], groups); g-- > 0;)
            take_duration(&medians[groups[g]], counting->timed[i].duration_ms);
    return 0;
}

static int make_timed(struct counting *counting) {
    uint64_t timed = counting->stats->all.timed;
    counting->timed_room = timed < MEDIAN_LABELS_MAX ? (size_t)timed : MEDIAN_LABELS_MAX;
    counting->timed = malloc((counting->timed_room + 1) * sizeof(*counting->timed));
    return counting->timed ? 0 : -ENOMEM;
}

static void counting_clear(struct counting *counting) {
    free(counting->timed);
}

int fd_engine_stats(fd_engine *engine, const fd_stats_request *request, fd_stats *ret) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = {0};
    /* Labels first: by then each of their annotators has a number. */
    size_t n = count_revisions(engine);
    size_t n_known = fd_annotators_count(engine->annotators);
    FD_FREE uint32_t *annotated = calloc(n_known + 1, sizeof(*annotated));
    FD_CLEANUP(counting_clear)
    struct counting counting = {.request = request,
                                .stats = &stats,
                                .only = FD_NOBODY,
                                .n_known = n_known,
                                .annotated = annotated};
    if (!annotated)
        return -ENOMEM;
    if (request->annotator)
        counting.only = fd_annotators_find(engine->annotators, request->annotator);
    int r = copy_batches(engine, &stats);
    if (r == 0)
        r = visit_labels(engine, &counting, n, count_in_total);
    if (r == 0)
        r = list_annotators(engine, &counting);
    if (r == 0)
        r = make_buckets(request, &stats);
    if (r == 0)
        r = make_timed(&counting);
    if (r == 0)
        r = visit_labels(engine, &counting, n, count_by_annotator);
    if (r == 0)
        r = find_medians(&counting);
    if (r == 0)
        r = fd_incomparable_pairs_count(engine, &stats.incomparable);
    if (r < 0)
        return r;
    count_assignments(engine, &stats);
    *ret = stats;
    memset(&stats, 0, sizeof(stats));
    return 0;
}

void fd_stats_clear(fd_stats *stats) {
    free(stats->annotators);
    free(stats->buckets);
    free(stats->bucket_others);
    free(stats->batches);
    memset(stats, 0, sizeof(*stats));
}
