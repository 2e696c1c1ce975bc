/* Records of CSV (RFC 4180) as JSON objects: the first one has the names of the columns, and an
 * empty field is absent unless it is quoted. */
#ifndef FD_TABLE_ROWS_H
#define FD_TABLE_ROWS_H

#include <jansson.h>
#include <stdbool.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_table {
    char separator;
    char **names; /* [n] */
    size_t n, room;
    bool has_names;
} fd_table;

void fd_table_clear(fd_table *table);

/* Takes the next record, which it changes. *ret is NULL after the first. With a fault: -EINVAL the
 * record is wrong, -EBADMSG the line of names is. -ENOMEM. */
int fd_table_take(fd_table *table, char *bytes, size_t size, json_t **ret,
                  fd_fault *fault) FD_MUST_CHECK;

#endif
