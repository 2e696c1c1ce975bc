/* Makes room for new items, and fills their rows. */
#include "item_room.h"

#include <string.h>

#include "array.h"
#include "item_extras.h"
#include "item_text_features.h"
#include "thread.h"

/* The first items ever set the dimension. */
static int begin_matrices(fd_engine *engine, size_t dimension, size_t n) {
    fd_growing_matrix_free(FD_STEAL(engine->text_features));
    fd_growing_matrix_free(FD_STEAL(engine->groups));
    free(FD_STEAL(engine->arrivals.embeddings));
    engine->arrivals.capacity = 0;
    engine->dimension = dimension;
    int r = fd_growing_matrix_new(FD_TEXT_FEATURES, n, &engine->text_features);
    if (r == 0)
        r = fd_growing_matrix_new(1, n, &engine->groups);
    return r;
}

/* Takes the lock because arrays that readers use may move. */
static int make_locked(fd_engine *engine, const fd_pending *pending, size_t dimension,
                       fd_item_entry *const *entries, const char *const *prompt_ids, size_t n,
                       fd_item_index *larger) {
    size_t used = pending->items, extra = used - engine->items.count + n;
    FD_WRITE_LOCKED(&engine->state_lock);
    fd_item_index_exchange(&engine->items, larger);
    int r = used == 0 ? begin_matrices(engine, dimension, n) : 0;
    if (r == 0)
        r = fd_array_reserve(&engine->arrivals.embeddings, &engine->arrivals.capacity, extra,
                             engine->dimension * sizeof(float));
    if (r == 0)
        r = fd_growing_matrix_reserve(&engine->text_features, used, n);
    if (r == 0)
        r = fd_growing_matrix_reserve(&engine->groups, used, n);
    return r < 0 ? r : fd_item_table_reserve(&engine->items, extra, entries, prompt_ids, n);
}

/* Only the writer changes the table, so it may read it without the lock. */
int fd_item_room_make(fd_engine *engine, const fd_pending *pending, size_t dimension,
                      fd_item_entry *const *entries, const char *const *prompt_ids, size_t n) {
    FD_CLEANUP(fd_item_index_clear) fd_item_index larger = {0};
    int r = fd_item_index_new(&engine->items, pending->items - engine->items.count + n, &larger);
    return r < 0 ? r : make_locked(engine, pending, dimension, entries, prompt_ids, n, &larger);
}

void fd_item_numbers_set(fd_engine *engine, size_t index, const fd_item_row *row,
                         const fd_prompt *prompt) {
    size_t arrived = index - engine->items.count, dimension = engine->dimension;
    memcpy(engine->arrivals.embeddings + arrived * dimension, row->embedding,
           dimension * sizeof(float));
    fd_text_features_place(&engine->options, row,
                           fd_growing_matrix_row(engine->text_features, index));
    fd_item_group_set(engine->groups, index, prompt->index);
}
