/* The newest version of the project's settings, as it is kept in memory. */
#ifndef FD_PROJECT_STATE_H
#define FD_PROJECT_STATE_H

#include <stdint.h>
#include <stdio.h>

#include "project_settings.h"
#include "store_rows.h"

typedef struct fd_project_state {
    uint64_t version;             /* 0: nobody has changed anything */
    char author[FD_ID_MAX + 1];   /* of the version; "": unknown */
    int64_t created_ms;           /* when it was made */
    fd_project_settings settings; /* as they are in the row */
} fd_project_state;

/* Puts a row and its settings, which were parsed, into the memory. Cannot fail. */
static inline void fd_project_state_set(fd_project_state *state, const fd_project_row *row,
                                        const fd_project_settings *settings) {
    *state = (fd_project_state){
        .version = row->version, .created_ms = row->created_ms, .settings = *settings};
    (void)snprintf(state->author, sizeof(state->author), "%s", row->author ? row->author : "");
}

#endif
