/*
 * Other names for the members of rows: "response=completion,scores=metadata.judge" makes a member
 * `response` of `completion`, and `scores` of the member `judge` of `metadata`. A member of the row
 * itself moves; one within another is copied, so that what holds it stays as it is. A number that
 * becomes `scores` is one score under the last name of its path.
 */
#ifndef FD_ROW_MAP_H
#define FD_ROW_MAP_H

#include <jansson.h>

#include "fault.h"
#include "macros.h"

enum { FD_ROW_MAP_MAX = 32 };

typedef struct fd_row_map {
    char *text; /* the names point into it */
    struct {
        char *to;
        char *from; /* with dots */
    } entries[FD_ROW_MAP_MAX];
    size_t n;
} fd_row_map;

/* -EINVAL with a fault; -ENOMEM. */
int fd_row_map_read(const char *text, fd_row_map *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_row_map_clear(fd_row_map *map);

/* -EINVAL with a fault if the row has a member `to` beside the one that shall become it; -ENOMEM.
 * What a row lacks stays missing. */
int fd_row_map_apply(const fd_row_map *map, json_t *row, fd_fault *fault) FD_MUST_CHECK;

#endif
