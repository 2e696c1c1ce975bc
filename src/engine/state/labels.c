/* Adds, corrects and reads labels. */
#include "labels.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "assignment_id.h"
#include "engine_state.h"
#include "label_room.h"
#include "thread.h"
#include "writer.h"

/* ---- adding ---- */

struct add_labels_job {
    fd_job job;
    const fd_label_row *rows;
    size_t n;
    fd_fault *fault;
    fd_added added;
    int64_t *sequences;         /* [n] */
    const uint32_t *annotators; /* [n] */
    const fd_origin *origins;   /* [n] */
};

static fd_label_revision revision_of(const struct add_labels_job *add, size_t i) {
    const fd_label_row *row = &add->rows[i];
    return fd_label_revision_of(row, (uint32_t)(add->sequences[i] - 1), add->annotators[i]);
}

static int store_labels(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    int r = engine->store->operations->labels_add(engine->store, add->rows, add->n, add->sequences,
                                                  &add->added);
    if (r == -EEXIST)
        return fd_fault_set_at(add->fault, r, "labels", add->added.conflict, "id",
                               "label \"%s\" exists already with other content",
                               add->rows[add->added.conflict].id);
    if (r == 0)
        r = fd_labels_make_room(engine, pending, add->n);
    if (r < 0)
        return r;
    /* Slots beyond the count belong to the writer: the next snapshot reads them. */
    for (size_t i = 0; i < add->n; i++) {
        if (add->sequences[i] == 0)
            continue;
        assert((size_t)add->sequences[i] == pending->revisions + 1);
        engine->labels.revisions[pending->revisions++] = revision_of(add, i);
        if (engine->store->replicas)
            engine->label_hooks.on_store(engine, &add->rows[i], add->annotators[i]);
    }
    return 0;
}

static void apply_labels(fd_engine *engine, fd_job *job) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    for (size_t i = 0; i < add->n; i++) {
        if (add->sequences[i] == 0)
            continue;
        fd_label_revision revision = revision_of(add, i);
        fd_label_table_add(&engine->labels, &revision, add->origins[i]);
    }
}

/* Once they are stored, and in the memory. */
static void follow_labels(fd_engine *engine, fd_job *job) {
    struct add_labels_job *add = (struct add_labels_job *)job;
    for (size_t i = 0; i < add->n; i++)
        engine->label_hooks.on_label(engine, &add->rows[i], add->annotators[i],
                                     add->sequences[i] > 0);
}

/* Finds the items of a label. */
static int find_pair_locked(const fd_engine *engine, const fd_label *labels, size_t i,
                            fd_label_row *row, fd_added *ret, fd_fault *fault) {
    const fd_label *label = &labels[i];
    if (strcmp(label->a, label->b) == 0)
        return fd_fault_set_at(fault, -EINVAL, "labels", i, "b",
                               "a pair needs two different items; both are \"%s\"", label->b);
    uint32_t a = fd_item_table_find(&engine->items, label->a);
    uint32_t b = fd_item_table_find(&engine->items, label->b);
    ret->is_foreign = a == FD_NO_ROW || b == FD_NO_ROW;
    if (ret->is_foreign)
        return fd_fault_set_at(fault, -EINVAL, "labels", i, a != FD_NO_ROW ? "b" : "a",
                               "there is no item \"%s\"", a != FD_NO_ROW ? label->b : label->a);
    row->item_a = a;
    row->item_b = b;
    return 0;
}

/* Finds the items of each label. After a failure ret->conflict is the first that is wrong. */
static int find_items(fd_engine *engine, const fd_label *labels, size_t n, fd_label_row *rows,
                      fd_added *ret, fd_fault *fault) {
    FD_READ_LOCKED(&engine->state_lock);
    int first = 0;
    bool stops = false;
    *ret = (fd_added){.conflict = n};
    for (size_t i = 0; i < n && !stops; i++) {
        fd_added added = {.conflict = i};
        int r = find_pair_locked(engine, labels, i, &rows[i], &added, fault);
        if (first == 0 && r < 0)
            *ret = added;
        stops = fd_fault_stops(fault, r, &first);
    }
    return first;
}

/* Of labels whose items exist: the first whose pair was not assigned to the annotator is a fault.
 */
static int check_assigned(fd_engine *engine, const fd_label_row *rows, const fd_origin *origins,
                          size_t n, const char *annotator, fd_added *ret, fd_fault *fault) {
    uint32_t number = fd_annotators_find(engine->annotators, annotator);
    for (size_t i = 0; i < n; i++) {
        fi_pair pair = {rows[i].item_a, rows[i].item_b};
        if (origins[i].arm_and_p != FD_ORIGIN_NONE ||
            engine->label_hooks.knows_pair(engine, pair, number))
            continue;
        *ret = (fd_added){.conflict = i, .is_foreign = true};
        *fault = (fd_fault){0};
        return fd_fault_set_at(fault, -EINVAL, "labels", i, "a",
                               "the pair was not assigned to this annotator");
    }
    return 0;
}

static void fill_rows(const fd_engine *engine, const fd_label *labels, size_t n,
                      fd_label_row *rows) {
    for (size_t i = 0; i < n; i++) {
        assert(labels[i].preference <= FD_PREFER_SKIP);
        rows[i].id = labels[i].id;
        rows[i].preference = labels[i].preference;
        rows[i].annotator = labels[i].annotator;
        rows[i].assignment = labels[i].assignment;
        rows[i].duration_ms = labels[i].duration_ms;
        rows[i].comment = labels[i].comment;
        rows[i].created_ms =
            labels[i].created_ms > 0 ? labels[i].created_ms : fd_engine_now_ms(engine);
    }
}

/* `bound_to`: the annotator that may label only pairs that were assigned to it; NULL: none is. */
static int add_labels_once(fd_engine *engine, const fd_label *labels, size_t n,
                           const char *bound_to, fd_added *ret, fd_fault *fault) {
    *ret = (fd_added){0};
    if (n == 0)
        return 0;

    FD_FREE fd_label_row *rows = calloc(n, sizeof(*rows));
    FD_FREE int64_t *sequences = calloc(n, sizeof(*sequences));
    FD_FREE uint32_t *annotators = calloc(n, sizeof(*annotators));
    FD_FREE fd_origin *origins = calloc(n, sizeof(*origins));
    if (!rows || !sequences || !annotators || !origins)
        return -ENOMEM;
    fill_rows(engine, labels, n, rows);
    if (bound_to)
        fault->more = NULL; /* later labels would tell which items exist */
    int r = find_items(engine, labels, n, rows, ret, fault);
    size_t found = r < 0 ? ret->conflict : n;
    for (size_t i = 0; i < found; i++)
        origins[i] = fd_origin_of(engine->assignment_key, &rows[i]);
    /* Also after a failure: the first label that is refused must not depend on what exists. */
    int assigned =
        bound_to ? check_assigned(engine, rows, origins, found, bound_to, ret, fault) : 0;
    r = assigned < 0 ? assigned : r;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = fd_annotators_get_or_add(engine->annotators, labels[i].annotator, &annotators[i]);
    if (r < 0)
        return r;

    struct add_labels_job add = {
        .job = {.store = store_labels, .apply = apply_labels, .follow = follow_labels},
        .rows = rows,
        .n = n,
        .fault = fault,
        .sequences = sequences,
        .annotators = annotators,
        .origins = origins,
    };
    r = fd_writer_run(engine, &add.job);
    *ret = add.added;
    if (r == 0 && !engine->store->replicas)
        follow_labels(engine, &add.job);
    return r;
}

/* An item or an assignment that is not known here may be at another replica. */
static int add_labels(fd_engine *engine, const fd_label *labels, size_t n, const char *bound_to,
                      fd_added *ret, fd_fault *fault) {
    const fd_fault before = *fault;
    const size_t more = fault->more ? fault->more->n : 0;
    int r = add_labels_once(engine, labels, n, bound_to, ret, fault);
    if (r != -EINVAL || !ret->is_foreign || !engine->store->replicas ||
        fd_writer_catch_up(engine) < 0)
        return r;
    *fault = before;
    if (fault->more)
        fault->more->n = more;
    return add_labels_once(engine, labels, n, bound_to, ret, fault);
}

int fd_engine_labels_add(fd_engine *engine, const fd_label *labels, size_t n, fd_added *ret,
                         fd_fault *fault) {
    return add_labels(engine, labels, n, NULL, ret, fault);
}

int fd_engine_labels_add_assigned(fd_engine *engine, const fd_label *labels, size_t n,
                                  const char *annotator, fd_added *ret, fd_fault *fault) {
    return add_labels(engine, labels, n, annotator, ret, fault);
}

/* ---- corrections ---- */

struct revise_job {
    fd_job job;
    const fd_label_change *change;
    fd_label_changed changed;
    fd_label_revision revision;
};

static int store_revision(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct revise_job *revise = (struct revise_job *)job;
    int r =
        engine->store->operations->label_revise(engine->store, revise->change, &revise->changed);
    if (r == 0 && revise->changed.changed)
        r = fd_labels_make_room(engine, pending, 1);
    if (r < 0 || !revise->changed.changed)
        return r;
    /* The label may be new in this transaction: its slot is written, but not counted yet. */
    revise->revision = engine->labels.revisions[revise->changed.original - 1];
    revise->revision.label = (uint32_t)(revise->changed.original - 1);
    revise->revision.preference = (uint8_t)revise->change->preference;
    revise->revision.information =
        fd_information_change(revise->changed.before, revise->change->preference);
    revise->revision.created_ms = revise->change->created_ms;
    if (revise->change->duration_ms >= 0)
        revise->revision.duration_ms = revise->change->duration_ms;
    engine->labels.revisions[pending->revisions++] = revise->revision;
    return 0;
}

static void apply_revision(fd_engine *engine, fd_job *job) {
    struct revise_job *revise = (struct revise_job *)job;
    if (revise->changed.changed)
        fd_label_table_add(&engine->labels, &revise->revision, (fd_origin){0});
}

static void follow_revision(fd_engine *engine, fd_job *job) {
    struct revise_job *revise = (struct revise_job *)job;
    if (revise->changed.changed)
        engine->label_hooks.on_revision(engine, revise->revision.pair, revise->revision.annotator,
                                        revise->changed.before, revise->change->preference);
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
        .job = {.store = store_revision, .apply = apply_revision, .follow = follow_revision},
        .change = &change,
    };
    int r = fd_writer_run(engine, &revise.job);
    if (r < 0)
        return r;
    *ret_revision = revise.changed.revision;
    if (!engine->store->replicas)
        follow_revision(engine, &revise.job);
    return 0;
}

/* ---- reading ---- */

struct label_reading {
    fd_engine *engine;
    fd_label_view_visit *visit;
    void *context;
};

/* A label is accepted only for items in memory, so its items are in the table, unless another
 * replica has just added them. */
static int name_items(fd_engine *engine, fd_label_view *view) {
    FD_READ_LOCKED(&engine->state_lock);
    if (view->row->item_a >= engine->items.count || view->row->item_b >= engine->items.count)
        return -EAGAIN;
    view->a = engine->items.entries[view->row->item_a].id;
    view->b = engine->items.entries[view->row->item_b].id;
    return 0;
}

static int visit_label(void *context, const fd_label_row *row) {
    struct label_reading *reading = context;
    fd_label_view view = {.row = row};
    int r = name_items(reading->engine, &view);
    if (r < 0 && fd_writer_catch_up(reading->engine) == 0)
        r = name_items(reading->engine, &view);
    return r < 0 ? r : reading->visit(reading->context, &view);
}

int fd_engine_labels_read(fd_engine *engine, int64_t after, size_t limit,
                          fd_label_view_visit *visit, void *context) {
    struct label_reading reading = {engine, visit, context};
    return engine->store->operations->labels_read(engine->store, after, limit, visit_label,
                                                  &reading);
}
