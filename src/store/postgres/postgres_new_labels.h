/* Labels that are certainly new, and wait for the end of the transaction to be sent together. */
#ifndef FD_POSTGRES_NEW_LABELS_H
#define FD_POSTGRES_NEW_LABELS_H

#include "postgres_array.h"
#include "postgres_known_ids.h"
#include "store_rows.h"

enum { FD_POSTGRES_LABEL_INTEGERS = 5, FD_POSTGRES_LABEL_TEXTS = 5 };

/* Starts as all zero. Used by the writing thread only. */
typedef struct fd_postgres_new_labels {
    fd_postgres_known_ids known; /* of all labels, once catch_up has passed all */
    uint32_t count;
    fd_postgres_array integers[FD_POSTGRES_LABEL_INTEGERS];
    fd_postgres_array texts[FD_POSTGRES_LABEL_TEXTS];
} fd_postgres_new_labels;

void fd_postgres_new_labels_clear(fd_postgres_new_labels *labels);

/* Keeps a label to be sent, at its place in the history. */
void fd_postgres_new_labels_keep(fd_postgres_new_labels *labels, const fd_label_row *row,
                                 int64_t sequence);

/* Binds what is kept, for LABELS_ADD_NEW; it is borrowed. */
int fd_postgres_new_labels_bind(fd_postgres_new_labels *labels,
                                fd_postgres_binding *binding) FD_MUST_CHECK;

/* Sends what is kept, in one statement; or forgets it. */
int fd_postgres_new_labels_send(fd_postgres_new_labels *labels,
                                fd_postgres_connection *writer) FD_MUST_CHECK;
void fd_postgres_new_labels_forget(fd_postgres_new_labels *labels);

#endif
