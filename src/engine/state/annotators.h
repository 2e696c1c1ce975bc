/* The annotators, numbered in the order in which they first appear. Labels and assignments refer to
 * them by number. All functions may be called from any thread. */
#ifndef FD_ANNOTATORS_H
#define FD_ANNOTATORS_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"

#define FD_NOBODY UINT32_MAX /* the number of no annotator */

typedef struct fd_annotators fd_annotators;

int fd_annotators_new(fd_annotators **ret) FD_MUST_CHECK;
void fd_annotators_free(fd_annotators *annotators);

int fd_annotators_get_or_add(fd_annotators *annotators, const char *name,
                             uint32_t *ret) FD_MUST_CHECK;

/* FD_NOBODY for a name that has no number yet. */
uint32_t fd_annotators_find(fd_annotators *annotators, const char *name);

/* The name of a number; lives as long as the annotators. */
const char *fd_annotators_name(fd_annotators *annotators, uint32_t number);

size_t fd_annotators_count(fd_annotators *annotators);

#endif
