/*
 * Reads the long lists of pairs of a selection without a tree, which costs more than choosing among
 * them. It takes lists of plain ids (without escapes) in each of their three forms, and leaves
 * everything else to jansson.
 */
#ifndef FD_PAIR_SCAN_H
#define FD_PAIR_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"
#include "selection_request.h"

/* Starts as all zero. */
typedef struct fd_pair_scan {
    char *text; /* of the ids */
    char *rest; /* the body with null in place of the lists that were read */
    size_t rest_size;
} fd_pair_scan;

/* False, with nothing in the lists, if the body is not an object, or has no such list: it must be
 * parsed as a whole. The lists' ids point into the scan. -ENOMEM counts as that too. */
bool fd_pair_scan_read(const char *body, size_t size, fd_pair_scan *ret,
                       fd_selection_lists *lists) FD_MUST_CHECK;
void fd_pair_scan_clear(fd_pair_scan *scan);

#endif
