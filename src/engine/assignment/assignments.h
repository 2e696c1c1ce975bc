/* Assignments: a pair that is handed to an annotator, until it is answered or returned, or its
 * lease expires. */
#ifndef FD_ASSIGNMENTS_H
#define FD_ASSIGNMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "fault.h"
#include "macros.h"

/* An item as annotators see it. */
typedef struct fd_shown_item {
    const char *id;
    const char *prompt_id;
    const char *prompt; /* NULL if not given, like the next one */
    const char *response;
} fd_shown_item;

typedef struct fd_assignment {
    const char *id;
    const fd_shown_item *a; /* on the left; the sides are drawn at random */
    const fd_shown_item *b;
    int64_t expires_ms; /* on the wall clock, as that is set when the assignment is shown */
    bool control;       /* of the control arm: drawn at random */
    const char *strategy;
    double gain; /* NaN if it was not computed */
    double p;    /* the probability that a is preferred */
    uint64_t model_version;
} fd_assignment;

/* Whom to assign pairs to, and how many. */
typedef struct fd_assign_request {
    const char *annotator;
    size_t count;
    double lease_seconds; /* 0: the configured time */
    /* Asked for each assignment before it is handed out, with the bytes of its texts as JSON: false
     * ends the list. It must not wait. NULL: all have room. */
    bool (*has_room)(void *context, size_t bytes);
    void *room_context;
} fd_assign_request;

/* The assignment is valid inside the visit. A result other than 0 ends the call, which returns it.
 */
typedef int fd_assignment_visit(void *context, const fd_assignment *assignment);

/*
 * Visits the open assignments of an annotator, the oldest first, and new ones, up to `count` in
 * all. There are fewer if fewer pairs lie ready or have room. There are none only if nothing is
 * left for this annotator now, or hardly anything among many pairs: a refill then looks for it
 * meanwhile. -EAGAIN with a fault before there are items, -EBUSY with one if not even the first has
 * room.
 */
int fd_engine_assign(fd_engine *engine, const fd_assign_request *request,
                     fd_assignment_visit *visit, void *context, fd_fault *fault) FD_MUST_CHECK;

/* Starts the time of a lease again. -ENOENT if no assignment with the id is open, or it is not one
 * of `annotator` (NULL: of anyone); the same for the next one. */
int fd_engine_assignment_renew(fd_engine *engine, const char *id, const char *annotator,
                               double lease_seconds, fd_assignment_visit *visit,
                               void *context) FD_MUST_CHECK;

/* Ends an assignment without an answer; the pair lies ready again. */
int fd_engine_assignment_return(fd_engine *engine, const char *id,
                                const char *annotator) FD_MUST_CHECK;

#endif
