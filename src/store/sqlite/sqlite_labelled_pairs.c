/* Reads labels from the database together with their items and assignments. */
#include "sqlite_labelled_pairs.h"

#include "sqlite_assignments.h"
#include "sqlite_labels.h"
#include "sqlite_reading.h"

/* The first column of each part of a row. */
enum { ITEM_A = 13, ITEM_B = ITEM_A + 5, ASSIGNMENT = ITEM_B + 5 };

static int item_at(const fd_sqlite_reading *reading, int first, uint32_t index, fd_item_row *ret) {
    *ret = (fd_item_row){
        .index = index,
        .id = fd_sqlite_text_at(reading, first),
        .prompt_id = fd_sqlite_text_at(reading, first + 1),
        .prompt = fd_sqlite_text_at(reading, first + 2),
        .response = fd_sqlite_text_at(reading, first + 3),
        .metadata = fd_sqlite_text_at(reading, first + 4),
    };
    return fd_sqlite_row_result(reading, ret->id && ret->prompt_id);
}

static int pair_at(const fd_sqlite_reading *reading, fd_labelled_pair *ret) {
    *ret = (fd_labelled_pair){0};
    int r = fd_sqlite_label_at(reading, &ret->label);
    if (r == 0)
        r = item_at(reading, ITEM_A, ret->label.item_a, &ret->a);
    if (r == 0)
        r = item_at(reading, ITEM_B, ret->label.item_b, &ret->b);
    if (r == 0 && !fd_sqlite_is_null_at(reading, ASSIGNMENT))
        r = fd_sqlite_assignment_at(reading, ASSIGNMENT, &ret->assignment);
    return r;
}

int fd_sqlite_labelled_pairs_read(fd_store *store, int64_t after, int64_t moment, size_t limit,
                                  bool texts, fd_labelled_pair_visit *visit, void *context) {
    FD_CLEANUP(fd_sqlite_reading_end)
    fd_sqlite_reading reading = fd_sqlite_reading_start(store, FD_SQL_LABELLED_PAIRS_READ);
    fd_sqlite_bind_integer(&reading.binding, after);
    fd_sqlite_bind_integer(&reading.binding, moment);
    fd_sqlite_bind_integer(&reading.binding, fd_sqlite_clamp(limit));
    fd_sqlite_bind_integer(&reading.binding, texts);
    int r = fd_sqlite_bound(&reading.binding);
    while (r == 0) {
        r = fd_sqlite_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_labelled_pair pair;
        r = pair_at(&reading, &pair);
        if (r == 0)
            r = visit(context, &pair);
    }
    return r;
}

/* Of the rows up to itself, a row is the newest of its label. */
int fd_sqlite_revision_read(fd_store *store, int64_t sequence, fd_labelled_pair_visit *visit,
                            void *context) {
    return fd_sqlite_labelled_pairs_read(store, sequence - 1, sequence, 1, false, visit, context);
}
