/* Room for revisions of labels that are not in the table yet. */
#ifndef FD_LABEL_ROOM_H
#define FD_LABEL_ROOM_H

#include "engine_state.h"
#include "macros.h"
#include "next_snapshot.h"

/* Makes room for `n` more revisions than are pending. Called by the writer. */
int fd_labels_make_room(fd_engine *engine, const fd_pending *pending, size_t n) FD_MUST_CHECK;

#endif
