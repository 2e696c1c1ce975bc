#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignment_private.h"
#include "label_statistics.h"
#include "select.h"

/* ---- batches ---- */

void fd_batch_history_add(fd_engine *engine, const fd_selection_result *answer) {
    fd_assignments *desk = engine->desk;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    size_t labels = engine->answers.counting;
    (void)pthread_rwlock_unlock(&engine->state_lock);
    (void)pthread_mutex_lock(&desk->lock);
    desk->batches[desk->n_batches++ % FD_BATCHES_MAX] = (fd_batch_record){
        .created_ms = fd_engine_now_ms(engine),
        .strategy = answer->strategy,
        .model_version = answer->model_version,
        .count = answer->count,
        .labels = labels,
        .gain_per_label = (answer->logdet_after - answer->logdet_before) / (double)answer->count,
        .logdet_after = answer->logdet_after,
        .d_efficiency = answer->d_efficiency,
        .random_d_efficiency = answer->random.d_efficiency,
    };
    fd_progress_note_gain(engine);
    (void)pthread_mutex_unlock(&desk->lock);
}

static int copy_batches(fd_engine *engine, fd_stats *stats) {
    fd_assignments *desk = engine->desk;
    stats->batches = calloc(FD_BATCHES_MAX, sizeof(*stats->batches));
    if (!stats->batches)
        return -ENOMEM;
    (void)pthread_mutex_lock(&desk->lock);
    fd_lease_expire(engine);
    size_t n = desk->n_batches < FD_BATCHES_MAX ? desk->n_batches : FD_BATCHES_MAX;
    for (size_t i = 0; i < n; i++)
        stats->batches[i] = desk->batches[(desk->n_batches - n + i) % FD_BATCHES_MAX];
    stats->n_batches = n;
    stats->open_leases = HASH_COUNT(desk->leases);
    stats->ready_active = desk->ready[FD_ARM_ACTIVE].count;
    stats->ready_control = desk->ready[FD_ARM_CONTROL].count;
    (void)pthread_mutex_unlock(&desk->lock);
    return 0;
}

/* ---- answers ---- */

static int copy_answers(fd_engine *engine, fd_label_revision **ret, size_t *ret_count) {
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    size_t n = engine->answers.count;
    fd_label_revision *answers = malloc((n + 1) * sizeof(*answers));
    if (answers && n > 0)
        memcpy(answers, engine->answers.answers, n * sizeof(*answers));
    (void)pthread_rwlock_unlock(&engine->state_lock);
    *ret = answers;
    *ret_count = n;
    return answers ? 0 : -ENOMEM;
}

static void count(const fd_label_revision *answer, fd_label_counts *tally) {
    tally->labels++;
    tally->by_preference[answer->newest]++;
    if (answer->duration_ms >= 0) {
        tally->timed++;
        tally->duration_ms += (double)answer->duration_ms;
    }
    if (answer->created_ms > tally->last_ms)
        tally->last_ms = answer->created_ms;
    /* Whether the model foresaw the answer, where it had said something. */
    int p = answer->origin & 0xfff;
    if (answer->origin != FD_ORIGIN_NONE && p != FD_ORIGIN_EVEN &&
        (answer->newest == FD_PREFER_A || answer->newest == FD_PREFER_B)) {
        tally->foretold++;
        tally->agreed += (p > FD_ORIGIN_EVEN) == (answer->newest == FD_PREFER_A);
    }
}

static bool is_in_range(const fd_label_revision *answers, size_t i,
                        const fd_stats_request *request) {
    const fd_label_revision *answer = &answers[i];
    return answer->label == i && answer->newest != FD_PREFER_RETRACTED &&
           answer->created_ms >= request->from_ms && answer->created_ms < request->to_ms;
}

static void count_all(const fd_label_revision *answers, size_t n, const fd_stats_request *request,
                      fd_stats *stats) {
    for (size_t i = 0; i < n; i++) {
        const fd_label_revision *answer = &answers[i];
        if (!is_in_range(answers, i, request))
            continue;
        fd_annotator_counts *annotator = &stats->annotators[answer->annotator];
        if (annotator->tally.labels == 0)
            annotator->column = stats->n_columns++;
        count(answer, &stats->all);
        count(answer, &annotator->tally);
        if (answer->origin != FD_ORIGIN_NONE)
            count(answer, (answer->origin & FD_ORIGIN_CONTROL) ? &stats->control : &stats->active);
    }
}

/* Only those who answered in the range have a column: names are many. */
static int fill_buckets(const fd_label_revision *answers, size_t n, const fd_stats_request *request,
                        fd_stats *stats) {
    stats->n_buckets =
        (size_t)((request->to_ms - request->from_ms + request->bucket_ms - 1) / request->bucket_ms);
    stats->buckets = calloc(stats->n_buckets * stats->n_columns + 1, sizeof(*stats->buckets));
    if (!stats->buckets)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        if (!is_in_range(answers, i, request))
            continue;
        size_t bucket = (size_t)((answers[i].created_ms - request->from_ms) / request->bucket_ms);
        size_t column = stats->annotators[answers[i].annotator].column;
        stats->buckets[bucket * stats->n_columns + column]++;
    }
    return 0;
}

static int name_annotators(fd_engine *engine, fd_stats *stats) {
    fd_assignments *desk = engine->desk;
    (void)pthread_mutex_lock(&desk->lock);
    stats->n_annotators = desk->annotator_count;
    stats->annotators = calloc(stats->n_annotators + 1, sizeof(*stats->annotators));
    for (size_t i = 0; stats->annotators && i < stats->n_annotators; i++)
        stats->annotators[i].name = desk->annotators[i]->name;
    (void)pthread_mutex_unlock(&desk->lock);
    return stats->annotators ? 0 : -ENOMEM;
}

int fd_engine_stats(fd_engine *engine, const fd_stats_request *request, fd_stats *ret) {
    FD_CLEANUP(fd_stats_clear) fd_stats stats = {0};
    FD_FREE fd_label_revision *answers = NULL;
    size_t n;
    /* Answers first: whoever gave one has a number by then. */
    int r = copy_answers(engine, &answers, &n);
    if (r == 0)
        r = name_annotators(engine, &stats);
    if (r == 0)
        r = copy_batches(engine, &stats);
    if (r < 0)
        return r;
    count_all(answers, n, request, &stats);
    r = fill_buckets(answers, n, request, &stats);
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
