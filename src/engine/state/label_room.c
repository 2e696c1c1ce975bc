/* Makes room for revisions of labels. */
#include "label_room.h"

#include "thread.h"

/* Room is made for this many revisions at once, so that readers are rarely kept out for it. */
enum { ROOM_AT_ONCE = 4096 };

static int reserve_locked(fd_engine *engine, size_t extra, fd_label_room *larger) {
    FD_WRITE_LOCKED(&engine->state_lock);
    fd_label_room_exchange(&engine->labels, larger);
    return fd_label_table_reserve(&engine->labels, extra);
}

/* Only the writer changes the table: it makes what is larger, which takes long, before it takes the
 * lock. */
int fd_labels_make_room(fd_engine *engine, const fd_pending *pending, size_t n) {
    FD_CLEANUP(fd_label_room_clear) fd_label_room larger = {0};
    size_t needed = pending->revisions + n;
    if (needed <= engine->labels.reserved)
        return 0;
    size_t extra = needed + ROOM_AT_ONCE - engine->labels.count;
    int r = fd_label_room_new(&engine->labels, extra, &larger);
    return r < 0 ? r : reserve_locked(engine, extra, &larger);
}
