/* The open leases, for those who manage annotators: lists them, and ends those of an annotator. */
#ifndef FD_LEASE_LIST_H
#define FD_LEASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "macros.h"

typedef struct fd_lease_view {
    int64_t number; /* ascending, in the order in which the leases began */
    const char *id; /* of the assignment */
    const char *annotator;
    const char *a; /* the item on the left */
    const char *b;
    bool control;
    const char *strategy;
    int64_t expires_ms;
} fd_lease_view;

typedef int fd_lease_visit(void *context, const fd_lease_view *lease);

/* Reads at most `limit` open leases, of one annotator (NULL: of all), after number `after`. */
int fd_engine_leases_read(fd_engine *engine, const char *annotator, int64_t after, size_t limit,
                          fd_lease_visit *visit, void *context) FD_MUST_CHECK;

/* Ends all leases of an annotator without an answer: their pairs lie ready again. *ret is how many
 * they were. Fails only where the store is shared: no lease has ended then. */
int fd_engine_leases_end(fd_engine *engine, const char *annotator, size_t *ret) FD_MUST_CHECK;

#endif
