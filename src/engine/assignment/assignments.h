/* Assignments: a pair is out to an annotator until it is answered, handed back or its lease
 * expires. */
#ifndef FD_ASSIGNMENTS_H
#define FD_ASSIGNMENTS_H

#include "engine.h"

/* An item as annotators see it. */
typedef struct fd_shown_item {
    const char *id;
    const char *prompt_id;
    const char *prompt; /* NULL if not given, as are the next two */
    const char *response;
    const char *metadata; /* JSON text */
} fd_shown_item;

typedef struct fd_assignment {
    const char *id;
    const fd_shown_item *a; /* on the left: sides are drawn at random */
    const fd_shown_item *b;
    int64_t expires_ms; /* on the wall clock as it is when the assignment is shown */
    bool control;       /* drawn at random, to compare with */
    const char *strategy;
    double gain; /* NaN where it was not computed */
    double p;    /* that a is preferred */
    uint64_t model_version;
} fd_assignment;

/* Valid inside the visit. Ends the call with what it returns, if not 0. */
typedef int fd_assignment_visit(void *context, const fd_assignment *assignment);

/*
 * The open leases of the annotator, oldest first, and new ones up to `count`: fewer where less lies
 * ready, none only where nothing is left for this annotator now. -EAGAIN with a fault before there
 * are items.
 * lease_seconds 0 is the configured time.
 */
int fd_engine_assign(fd_engine *engine, const char *annotator, size_t count, double lease_seconds,
                     fd_assignment_visit *visit, void *context, fd_fault *fault) FD_MUST_CHECK;

/* The lease runs from now again. -ENOENT if it is not open, or not out to `annotator` (NULL: to
 * anyone); the same for the next one. */
int fd_engine_assignment_renew(fd_engine *engine, const char *id, const char *annotator,
                               double lease_seconds, fd_assignment_visit *visit,
                               void *context) FD_MUST_CHECK;

/* The pair goes back to where it is offered from. */
int fd_engine_assignment_return(fd_engine *engine, const char *id,
                                const char *annotator) FD_MUST_CHECK;

#endif
