/* The labels of a database by their ids, with what their newest revisions say. */
#ifndef FD_IMPORT_KNOWN_LABELS_H
#define FD_IMPORT_KNOWN_LABELS_H

#include <stdbool.h>

#include "macros.h"
#include "store.h"

typedef struct fd_known_labels {
    struct fd_known_label *list;
    bool is_read; /* the labels of the database are in the list */
} fd_known_labels;

void fd_known_labels_clear(fd_known_labels *labels);

/* Reads the labels of a database, the first time it is called. */
int fd_known_labels_read(fd_known_labels *labels, fd_store *store) FD_MUST_CHECK;

/* Whether a label of the same id says the same about the same pair, by the same annotator: 0 if it
 * does, -EEXIST if it does not, -ENOENT if there is none. */
int fd_known_labels_compare(const fd_known_labels *labels, const fd_label_row *row) FD_MUST_CHECK;

/* Adds a label, or a revision of one. -ENOMEM. */
int fd_known_labels_note(fd_known_labels *labels, const fd_label_row *row) FD_MUST_CHECK;

#endif
