/* Finds the files of a testbed in a folder. */
#ifndef FD_DATA_LAYOUT_H
#define FD_DATA_LAYOUT_H

#include "testbed_files.h"

typedef struct fd_data_layout {
    fd_testbed_files files; /* borrows the texts below */
    char *texts[8];
} fd_data_layout;

/* -ENOENT with a fault if the folder has no items or no embeddings, or without `has_votes` nothing
 * to answer by; -ENOMEM. */
int fd_data_layout_find(const char *folder, bool has_votes, fd_data_layout *ret,
                        fd_fault *fault) FD_MUST_CHECK;
void fd_data_layout_clear(fd_data_layout *layout);

#endif
