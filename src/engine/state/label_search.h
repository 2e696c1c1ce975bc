/* Finds revisions of labels in memory, so that a list with a filter reads only its own rows. */
#ifndef FD_LABEL_SEARCH_H
#define FD_LABEL_SEARCH_H

#include "engine_options.h"
#include "macros.h"

/* What is NULL, or 0, lets all through. */
typedef struct fd_label_filter {
    const char *annotator;
    const char *prompt_id; /* of either item */
    const char *a;         /* an item's id, as the next */
    const char *b;
    int64_t since_ms; /* of the revision */
} fd_label_filter;

typedef struct fd_labels_found {
    size_t n;
    int64_t end; /* sequence of the last revision that was looked at */
    bool is_all; /* there are no more */
} fd_labels_found;

/* Finds the first revisions after sequence `after` that the filter lets through: at most `limit`,
 * and among a quarter of a million, so that a request ends soon. `sequences` [limit] gets their
 * places in the history. */
fd_labels_found fd_engine_labels_find(fd_engine *engine, const fd_label_filter *filter,
                                      int64_t after, size_t limit, int64_t *sequences);

#endif
