/* The mark of a copy: its state and its source, as a line of text. */
#include "copy_mark.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char name[] = "copy";

static const char *const states[] = {
    [FD_COPY_UNFINISHED] = "unfinished",
    [FD_COPY_COMPLETE] = "complete",
};

enum { LINE_SIZE = 64 };

static int keep(void *context, const fd_shared_file *file) {
    fd_copy_mark *mark = context;
    char line[LINE_SIZE] = "", state[16] = "";
    mark->version = file->version;
    if (file->size >= sizeof(line))
        return -EBADMSG;
    if (file->size > 0)
        memcpy(line, file->bytes, file->size);
    if (sscanf(line, "%15s %32[0-9a-f]", state, mark->source) != 2)
        return -EBADMSG;
    for (size_t i = FD_COPY_UNFINISHED; i < FD_LENGTH(states); i++)
        if (strcmp(state, states[i]) == 0)
            mark->state = (fd_copy_state)i;
    return mark->state == FD_COPY_NONE ? -EBADMSG : 0;
}

int fd_copy_mark_read(fd_store *store, fd_copy_mark *ret) {
    *ret = (fd_copy_mark){0};
    return store->operations->shared_file_read(store, name, 0, keep, ret);
}

int fd_copy_mark_write(fd_store *store, fd_copy_mark *mark) {
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof(line), "%s %s\n", states[mark->state], mark->source);
    int r = store->operations->shared_file_write(store, name, line, (size_t)size, mark->version);
    if (r == 0)
        mark->version++;
    return r;
}
