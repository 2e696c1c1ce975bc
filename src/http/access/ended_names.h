/* The annotators whose access has ended: revoked, or expired. */
#ifndef FD_ENDED_NAMES_H
#define FD_ENDED_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "macros.h"
#include "tokens.h"

typedef struct fd_ended_names {
    struct fd_ended_name *by_name; /* a hash table */
} fd_ended_names;

/* The names that have tokens of annotators, of which none is valid at the time `now`. -ENOMEM. */
int fd_ended_names_find(const fd_tokens *tokens, int64_t now, fd_ended_names *ret) FD_MUST_CHECK;
void fd_ended_names_clear(fd_ended_names *names);

bool fd_ended_names_has(const fd_ended_names *names, const char *name);

/* Visits all names. */
void fd_ended_names_visit(const fd_ended_names *names,
                          void (*visit)(void *context, const char *name), void *context);

#endif
