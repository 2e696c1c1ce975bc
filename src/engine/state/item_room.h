/* Room for new items, and their numbers: what the writer prepares before items are in the table,
 * whether they come from a request or from another replica. */
#ifndef FD_ITEM_ROOM_H
#define FD_ITEM_ROOM_H

#include "engine_state.h"
#include "macros.h"
#include "next_snapshot.h"

/* Makes room for n more items than are pending, and finds their prompts. */
int fd_item_room_make(fd_engine *engine, const fd_pending *pending, size_t dimension,
                      fd_item_entry *entries, const char *const *prompt_ids,
                      size_t n) FD_MUST_CHECK;

/* Puts the numbers of an item into the rows of an index that no reader sees yet. */
void fd_item_numbers_set(fd_engine *engine, size_t index, const fd_item_row *row, uint32_t prompt);

#endif
