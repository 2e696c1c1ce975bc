/*
 * The scores that a job of the writer sets. In the job's `store`: begin, add each score, which may
 * find a name too many, before anything is stored; then store them. In its `apply`: apply them.
 */
#ifndef FD_SCORE_CHANGES_H
#define FD_SCORE_CHANGES_H

#include "engine_state.h"
#include "next_snapshot.h"

typedef struct fd_score_changes {
    size_t n, capacity;
    fd_score_row *rows;                    /* [n]; their names are borrowed */
    uint32_t *names;                       /* [n] */
    bool *for_new_items;                   /* [n] */
    size_t name_count;                     /* names of the project with those of the changes */
    const struct fd_score_changes *before; /* of the same transaction; NULL: none */
} fd_score_changes;

/* Room for `capacity` scores. */
int fd_score_changes_new(fd_score_changes *changes, size_t capacity) FD_MUST_CHECK;
void fd_score_changes_clear(fd_score_changes *changes);

/* Empties the changes. */
void fd_score_changes_begin(fd_score_changes *changes, const fd_pending *pending);

/* Adds a score of an item, for which there is room. -ENOSPC if there are too many names. */
int fd_score_changes_add(fd_score_changes *changes, fd_engine *engine, uint32_t item,
                         const fd_item_score *score) FD_MUST_CHECK;

/* Adds a score that another replica committed, and makes room for it in memory and in the changes.
 */
int fd_score_changes_note(fd_score_changes *changes, fd_engine *engine,
                          const fd_score_row *row) FD_MUST_CHECK;

/* The items of the changes were places in a list of n: gives them the indices of that list, of
 * which `first_new` is the first of an item that is new. Drops scores for new items of all others.
 */
void fd_score_changes_place(fd_score_changes *changes, const uint32_t *indices, size_t n,
                            uint32_t first_new);

/* Writes the rows and makes room in memory. */
int fd_score_changes_store(fd_score_changes *changes, fd_engine *engine, fd_pending *pending,
                           size_t *ret_changed) FD_MUST_CHECK;

/* Puts the changes of a transaction, from the newest on back, over what the tables have. */
void fd_score_changes_overlay(const fd_score_changes *newest, fd_item_extras *extras);

void fd_score_changes_apply(const fd_score_changes *changes, fd_engine *engine);

#endif
