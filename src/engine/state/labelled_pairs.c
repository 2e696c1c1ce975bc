/* Reads labels with their items, and tells how each pair was chosen. */
#include "labelled_pairs.h"

#include <math.h>

#include "assignment_id.h"
#include "engine_state.h"
#include "thread.h"

struct pairs_reading {
    unsigned char key[FD_ASSIGNMENT_KEY_SIZE];
    fd_labelled_pair_visit *visit;
    void *context;
};

/* Names the items in the order of the label. */
static void turn(fd_assignment_row *row) {
    uint32_t item_a = row->item_a;
    row->item_a = row->item_b;
    row->item_b = item_a;
    row->p = 1.0 - row->p;
    row->swapped = row->swapped < 0 ? row->swapped : 1 - row->swapped;
}

static fd_assignment_row assignment_of_id(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE],
                                          const fd_label_row *label) {
    fd_origin origin = fd_origin_of(key, label);
    if (origin.arm_and_p == FD_ORIGIN_NONE)
        return (fd_assignment_row){0};
    return (fd_assignment_row){
        .id = label->assignment,
        .item_a = label->item_a,
        .item_b = label->item_b,
        .annotator = label->annotator,
        .slot = -1,
        .control = (origin.arm_and_p & FD_ORIGIN_CONTROL) != 0,
        .p = (origin.arm_and_p & 0xfff) / (2.0 * FD_ORIGIN_EVEN),
        .gain = NAN,
        .swapped = -1,
        .model_version = -1,
        .expires_ms = -1,
        .ended_ms = -1,
    };
}

static int visit_pair(void *context, const fd_labelled_pair *stored) {
    const struct pairs_reading *reading = context;
    fd_labelled_pair pair = *stored;
    if (!pair.assignment.id)
        pair.assignment = assignment_of_id(reading->key, &pair.label);
    else if (pair.assignment.item_a != pair.label.item_a)
        turn(&pair.assignment);
    return reading->visit(reading->context, &pair);
}

int fd_labelled_pairs_read(fd_store *store, const fd_labelled_pairs_query *query,
                           fd_labelled_pair_visit *visit, void *context) {
    struct pairs_reading reading = {.visit = visit, .context = context};
    int r = store->operations->assignment_key(store, reading.key);
    return r < 0 ? r
                 : store->operations->labelled_pairs_read(store, query->after, query->moment,
                                                          query->limit, query->texts, visit_pair,
                                                          &reading);
}

int fd_engine_labelled_pairs_read(fd_engine *engine, const fd_labelled_pairs_query *query,
                                  fd_labelled_pair_visit *visit, void *context) {
    return fd_labelled_pairs_read(engine->store, query, visit, context);
}

int64_t fd_engine_moment(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return (int64_t)engine->labels.count;
}

int fd_engine_revisions_read(fd_engine *engine, const int64_t *sequences, size_t n,
                             fd_labelled_pair_visit *visit, void *context) {
    const fd_store_operations *operations = engine->store->operations;
    struct pairs_reading reading = {.visit = visit, .context = context};
    int r = operations->assignment_key(engine->store, reading.key);
    for (size_t i = 0; i < n && r == 0; i++)
        r = operations->revision_read(engine->store, sequences[i], visit_pair, &reading);
    return r;
}

int fd_engine_label_read(fd_engine *engine, const char *id, fd_labelled_pair_visit *visit,
                         void *context) {
    int64_t sequence;
    int r = engine->store->operations->label_newest(engine->store, id, &sequence);
    return r < 0 ? r : fd_engine_revisions_read(engine, &sequence, 1, visit, context);
}
