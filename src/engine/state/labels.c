#include <assert.h>
#include <errno.h>
#include <string.h>

#include "engine_private.h"
#include "labels.h"

struct add_labels_job {
    fd_job job;
    const fd_label_row *rows;
    size_t n;
    fd_fault *fault;
    fd_added added;
    int64_t *sequences;
    const bool *held_out;       /* [n] */
    const uint32_t *annotators; /* [n] */
};

static fd_label_revision answer_of(const struct add_labels_job *add, size_t i) {
    const fd_label_row *row = &add->rows[i];
    return (fd_label_revision){
        .pair = {row->item_a, row->item_b},
        .label = (uint32_t)(add->sequences[i] - 1),
        .annotator = add->annotators[i],
        .preference = (uint8_t)row->preference,
        .information = fd_information_change(FD_PREFER_RETRACTED, row->preference),
        .held_out = add->held_out[i],
        .origin = fd_origin_of(row->assignment),
        .created_ms = row->created_ms,
        .duration_ms = row->duration_ms,
    };
}

/* Rows of the table of answers that are made room for at once. */
enum { ANSWERS_AT_ONCE = 4096 };

/* Room for `n` more revisions than are pending. Readers are kept out only now and then. */
static int reserve_answers(fd_engine *engine, size_t n) {
    size_t needed = engine->pending.answers + n;
    if (needed <= engine->answers_reserved)
        return 0;
    size_t room = needed + ANSWERS_AT_ONCE;
    (void)pthread_rwlock_wrlock(&engine->state_lock);
    int r = fd_label_table_reserve(&engine->answers, room - engine->answers.count);
    (void)pthread_rwlock_unlock(&engine->state_lock);
    if (r == 0)
        engine->answers_reserved = room;
    return r;
}

static int store_labels(fd_engine *engine, fd_job *job) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    int r = engine->store->operations->labels_add(engine->store, add->rows, add->n, add->sequences,
                                                  &add->added);
    if (r == -EEXIST)
        return fd_fault_set_at(add->fault, r, "labels", add->added.conflict, "id",
                               "label \"%s\" is there already with other content",
                               add->rows[add->added.conflict].id);
    if (r == 0)
        r = reserve_answers(engine, add->n);
    if (r < 0)
        return r;
    /* The slots beyond the count are the writer's: the next snapshot's information reads them. */
    for (size_t i = 0; i < add->n; i++) {
        if (add->sequences[i] == 0)
            continue;
        assert((size_t)add->sequences[i] == engine->pending.answers + 1);
        engine->answers.answers[engine->pending.answers++] = answer_of(add, i);
    }
    return 0;
}

static void apply_labels(fd_engine *engine, fd_job *job) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    for (size_t i = 0; i < add->n; i++) {
        if (add->sequences[i] == 0)
            continue;
        fd_label_revision answer = answer_of(add, i);
        fd_label_table_add(&engine->answers, &answer);
    }
}

/* Finds both items and decides whether the pair is held out. */
static int resolve_labels(fd_engine *engine, const fd_label *labels, size_t n, fd_label_row *rows,
                          bool *held_out, fd_fault *fault) {
    int r = 0;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    for (size_t i = 0; i < n && r == 0; i++) {
        const fd_item_entry *a = fd_item_table_find(&engine->items, labels[i].a);
        const fd_item_entry *b = fd_item_table_find(&engine->items, labels[i].b);
        if (!a || !b)
            r = fd_fault_set_at(fault, -EINVAL, "labels", i, a ? "b" : "a",
                                "there is no item \"%s\"", a ? labels[i].b : labels[i].a);
        else if (a == b)
            r = fd_fault_set_at(fault, -EINVAL, "labels", i, "b",
                                "a pair needs two different items; both are \"%s\"", labels[i].b);
        else {
            rows[i].item_a = a->index;
            rows[i].item_b = b->index;
            held_out[i] = fd_pair_is_held_out(a->id, b->id, engine->options.held_out_fraction);
        }
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    return r;
}

int fd_engine_labels_add(fd_engine *engine, const fd_label *labels, size_t n, fd_added *ret,
                         fd_fault *fault) {
    *ret = (fd_added){0};
    if (n == 0)
        return 0;

    FD_FREE fd_label_row *rows = calloc(n, sizeof(*rows));
    FD_FREE bool *held_out = calloc(n, sizeof(*held_out));
    FD_FREE int64_t *sequences = calloc(n, sizeof(*sequences));
    FD_FREE uint32_t *annotators = calloc(n, sizeof(*annotators));
    if (!rows || !held_out || !sequences || !annotators)
        return -ENOMEM;
    int r = resolve_labels(engine, labels, n, rows, held_out, fault);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = fd_assignments_annotator(engine, labels[i].annotator, &annotators[i]);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        assert(labels[i].preference <= FD_PREFER_SKIP);
        rows[i].id = labels[i].id;
        rows[i].preference = labels[i].preference;
        rows[i].annotator = labels[i].annotator;
        rows[i].assignment = labels[i].assignment;
        rows[i].duration_ms = labels[i].duration_ms;
        rows[i].comment = labels[i].comment;
        rows[i].created_ms = fd_engine_now_ms(engine);
    }

    struct add_labels_job add = {
        .job = {.store = store_labels, .apply = apply_labels},
        .rows = rows,
        .n = n,
        .fault = fault,
        .sequences = sequences,
        .held_out = held_out,
        .annotators = annotators,
    };
    r = fd_writer_run(engine, &add.job);
    if (r < 0)
        return r;
    *ret = add.added;
    for (size_t i = 0; i < n; i++)
        fd_assignments_on_label(engine, &rows[i], annotators[i], sequences[i] > 0);
    return 0;
}

/* ---- corrections ---- */

struct revise_job {
    fd_job job;
    const fd_label_change *change;
    fd_label_changed changed;
    fd_label_revision answer;
    uint32_t annotator;
};

static int store_revision(fd_engine *engine, fd_job *job) {
    struct revise_job *revise = (struct revise_job *)job;
    int r =
        engine->store->operations->label_revise(engine->store, revise->change, &revise->changed);
    if (r == 0 && revise->changed.changed)
        r = reserve_answers(engine, 1);
    if (r < 0 || !revise->changed.changed)
        return r;
    /* The label may be of this very transaction: its slot is written, if not counted yet. */
    revise->answer = engine->answers.answers[revise->changed.original - 1];
    revise->answer.label = (uint32_t)(revise->changed.original - 1);
    revise->answer.preference = (uint8_t)revise->change->preference;
    revise->answer.information =
        fd_information_change(revise->changed.before, revise->change->preference);
    revise->answer.created_ms = revise->change->created_ms;
    if (revise->change->duration_ms >= 0)
        revise->answer.duration_ms = revise->change->duration_ms;
    engine->answers.answers[engine->pending.answers++] = revise->answer;
    return 0;
}

static void apply_revision(fd_engine *engine, fd_job *job) {
    struct revise_job *revise = (struct revise_job *)job;
    if (revise->changed.changed)
        fd_label_table_add(&engine->answers, &revise->answer);
}

int fd_engine_label_revise(fd_engine *engine, const char *id, const char *annotator,
                           fd_preference preference, int64_t duration_ms, const char *comment,
                           uint32_t *ret_revision) {
    fd_label_change change = {
        .id = id,
        .preference = preference,
        .duration_ms = duration_ms,
        .comment = comment,
        .created_ms = fd_engine_now_ms(engine),
        .annotator = annotator,
    };
    struct revise_job revise = {
        .job = {.store = store_revision, .apply = apply_revision},
        .change = &change,
    };
    int r = fd_writer_run(engine, &revise.job);
    if (r < 0)
        return r;
    *ret_revision = revise.changed.revision;
    if (revise.changed.changed)
        fd_assignments_on_revision(engine, revise.answer.pair, revise.answer.annotator,
                                   revise.changed.before, preference);
    return 0;
}

/* ---- reading ---- */

struct label_reading {
    fd_engine *engine;
    fd_label_view_visit *visit;
    void *context;
};

static int visit_label(void *context, const fd_label_row *row) {
    struct label_reading *reading = context;
    fd_engine *engine = reading->engine;
    fd_label_view view = {.row = row};

    (void)pthread_rwlock_rdlock(&engine->state_lock);
    /* A label is accepted only for items in memory, so its items are there. */
    view.a = engine->items.entries[row->item_a]->id;
    view.b = engine->items.entries[row->item_b]->id;
    (void)pthread_rwlock_unlock(&engine->state_lock);
    return reading->visit(reading->context, &view);
}

int fd_engine_labels_read(fd_engine *engine, int64_t after, size_t limit,
                          fd_label_view_visit *visit, void *context) {
    struct label_reading reading = {engine, visit, context};
    return engine->store->operations->labels_read(engine->store, after, limit, visit_label,
                                                  &reading);
}
