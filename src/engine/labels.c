#include <assert.h>
#include <errno.h>
#include <string.h>

#include "private.h"

struct add_labels_job {
    fd_job job;
    const fd_label_row *rows;
    size_t n;
    fd_fault *fault;
    fd_added added;
    int64_t *sequences;
    const bool *held_out; /* [n] */
};

static fd_answer answer_of(const struct add_labels_job *add, size_t i) {
    const fd_label_row *row = &add->rows[i];
    return (fd_answer){
        .pair = {row->item_a, row->item_b},
        .target = fd_preference_target(row->preference),
        .held_out = add->held_out[i],
    };
}

static int store_labels(fd_engine *engine, fd_job *job) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    fd_pending *pending = &engine->pending;

    int r = engine->store->operations->labels_add(engine->store, add->rows, add->n, add->sequences,
                                                  &add->added);
    if (r == -EEXIST)
        return fd_fault_set_at(add->fault, r, "labels", add->added.conflict, "id",
                               "label \"%s\" is there already with other content",
                               add->rows[add->added.conflict].id);
    if (r < 0)
        return r;

    (void)pthread_rwlock_wrlock(&engine->state_lock);
    r = fd_answer_table_reserve(&engine->answers, pending->label_rows + add->n);
    (void)pthread_rwlock_unlock(&engine->state_lock);
    if (r < 0)
        return r;
    /* The slots beyond the count are the writer's: the next snapshot's information reads them. */
    for (size_t i = 0; i < add->n; i++) {
        if (add->sequences[i] == 0)
            continue;
        pending->label_rows++;
        if (add->rows[i].preference != FD_PREFER_SKIP)
            engine->answers.answers[pending->answers++] = answer_of(add, i);
    }
    return 0;
}

static void apply_labels(fd_engine *engine, fd_job *job) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    for (size_t i = 0; i < add->n; i++) {
        if (add->sequences[i] == 0)
            continue;
        fd_answer answer = answer_of(add, i);
        fd_answer_table_add(&engine->answers, &answer, add->rows[i].preference);
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
        if (r < 0)
            break;
        rows[i].item_a = a->index;
        rows[i].item_b = b->index;
        held_out[i] = fd_pair_is_held_out(a->id, b->id, engine->options.held_out_fraction);
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
    if (!rows || !held_out || !sequences)
        return -ENOMEM;
    int r = resolve_labels(engine, labels, n, rows, held_out, fault);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        assert(labels[i].preference <= FD_PREFER_SKIP);
        rows[i].id = labels[i].id;
        rows[i].preference = labels[i].preference;
        rows[i].annotator = labels[i].annotator;
        rows[i].assignment = labels[i].assignment;
        rows[i].duration_ms = labels[i].duration_ms;
        rows[i].created_ms = fd_engine_now_ms(engine);
    }

    struct add_labels_job add = {
        .job = {.store = store_labels, .apply = apply_labels},
        .rows = rows,
        .n = n,
        .fault = fault,
        .sequences = sequences,
        .held_out = held_out,
    };
    r = fd_writer_run(engine, &add.job);
    if (r < 0)
        return r;
    *ret = add.added;
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
