/* Copies the parts of a project that have many rows: items, scores, assignments and labels. */
#ifndef FD_COPY_ROWS_H
#define FD_COPY_ROWS_H

#include "copy_work.h"

/* Each adds the rows that the target lacks, behind the `have` that it has, and stops with -EBADMSG
 * where the source has fewer. `total` is for the progress; UINT64_MAX: not known. */
typedef int fd_copy_rows(fd_copy *copy, uint64_t have, uint64_t total);

fd_copy_rows fd_copy_items;
fd_copy_rows fd_copy_scores;
fd_copy_rows fd_copy_assignments;
fd_copy_rows fd_copy_labels;

#endif
