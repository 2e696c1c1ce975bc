/* Arrays as parameters of a statement: the values of a column for many rows. */
#ifndef FD_POSTGRES_ARRAY_H
#define FD_POSTGRES_ARRAY_H

#include "postgres_statement.h"

/* Starts as all zero. What cannot be appended is told when it is bound. */
typedef struct fd_postgres_array {
    char *bytes;
    size_t size;
    size_t capacity;
    uint32_t count;
    bool has_null;
    bool has_failed;
} fd_postgres_array;

void fd_postgres_array_clear(fd_postgres_array *array);

/* Takes all values out, and keeps the memory. */
void fd_postgres_array_empty(fd_postgres_array *array);

/* An array takes values of one kind. */
void fd_postgres_array_append_integer(fd_postgres_array *array, int64_t value);
void fd_postgres_array_append_text(fd_postgres_array *array, const char *text); /* NULL is NULL */

/* Binds it as bigint[] or text[]. -ENOMEM: a value is missing. */
int fd_postgres_bind_integers(fd_postgres_binding *binding, fd_postgres_array *array) FD_MUST_CHECK;
int fd_postgres_bind_texts(fd_postgres_binding *binding, fd_postgres_array *array) FD_MUST_CHECK;

#endif
