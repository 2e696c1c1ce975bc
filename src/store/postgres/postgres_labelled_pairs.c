/* Reads labels from the database together with their items and assignments. */
#include "postgres_labelled_pairs.h"

#include "postgres_assignments.h"
#include "postgres_labels.h"
#include "postgres_reading.h"

/* The first column of each part of a row. */
enum { ITEM_A = 13, ITEM_B = ITEM_A + 5, ASSIGNMENT = ITEM_B + 5 };

static fd_item_row item_of(const fd_postgres_reading *reading, int first, uint32_t index) {
    return (fd_item_row){
        .index = index,
        .id = fd_postgres_text_of(reading, first),
        .prompt_id = fd_postgres_text_of(reading, first + 1),
        .prompt = fd_postgres_text_of(reading, first + 2),
        .response = fd_postgres_text_of(reading, first + 3),
        .metadata = fd_postgres_text_of(reading, first + 4),
    };
}

static int pair_of(const fd_postgres_reading *reading, fd_labelled_pair *ret) {
    *ret = (fd_labelled_pair){0};
    int r = fd_postgres_label_of(reading, &ret->label);
    ret->a = item_of(reading, ITEM_A, ret->label.item_a);
    ret->b = item_of(reading, ITEM_B, ret->label.item_b);
    if (!fd_postgres_is_null_of(reading, ASSIGNMENT))
        ret->assignment = fd_postgres_assignment_of(reading, ASSIGNMENT);
    return r;
}

int fd_postgres_labelled_pairs_read(fd_store *store, int64_t after, int64_t moment, size_t limit,
                                    bool texts, fd_labelled_pair_visit *visit, void *context) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_LABELLED_PAIRS_READ);
    fd_postgres_bind_integer(&reading.binding, after);
    fd_postgres_bind_integer(&reading.binding, moment);
    fd_postgres_bind_integer(&reading.binding, fd_postgres_clamp(limit));
    fd_postgres_bind_integer(&reading.binding, texts);
    int r = 0;
    while (r == 0) {
        r = fd_postgres_reading_next(&reading);
        if (r <= 0)
            return r;
        fd_labelled_pair pair;
        r = pair_of(&reading, &pair);
        if (r == 0)
            r = visit(context, &pair);
    }
    return r;
}

/* Of the rows up to itself, a row is the newest of its label. */
int fd_postgres_revision_read(fd_store *store, int64_t sequence, fd_labelled_pair_visit *visit,
                              void *context) {
    return fd_postgres_labelled_pairs_read(store, sequence - 1, sequence, 1, false, visit, context);
}
