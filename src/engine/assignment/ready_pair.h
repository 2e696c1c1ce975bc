/* A ready pair: everything that an assignment of it shows, but for long texts, which are read from
 * the store when they are shown. Immutable and shared. */
#ifndef FD_READY_PAIR_H
#define FD_READY_PAIR_H

#include <stdatomic.h>

#include "assignments.h"
#include "engine_options.h"
#include "macros.h"
#include "select.h"

typedef enum fd_arm { FD_ARM_ACTIVE, FD_ARM_CONTROL, FD_ARM_COUNT } fd_arm;

typedef struct fd_ready_pair {
    atomic_size_t references;
    fi_pair pair;
    size_t bytes;       /* of both items as JSON, at most */
    bool comparable;    /* both items have texts, and different ones */
    bool has_texts;     /* false: a and b have only their ids */
    fd_shown_item a, b; /* their strings are in `text` */
    fd_arm arm;
    const char *strategy; /* a static text */
    double gain;
    double p; /* the probability that a is preferred */
    uint64_t model_version;
    char text[];
} fd_ready_pair;

/* May read both items from the store, so no lock may be held. -EBADMSG if one of them is missing.
 */
int fd_ready_pair_new(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                      const fd_selected_pair *selected, uint64_t model_version,
                      fd_ready_pair **ret) FD_MUST_CHECK;

/* The same without the texts, which are read when it is shown: reads nothing. For a pair that
 * another replica assigned. */
int fd_ready_pair_new_bare(fd_engine *engine, fi_pair pair, fd_arm arm, const char *strategy,
                           const fd_selected_pair *selected, uint64_t model_version,
                           fd_ready_pair **ret) FD_MUST_CHECK;
fd_ready_pair *fd_ready_pair_reference(fd_ready_pair *ready_pair);

/* What a pair shows, read from the store if need be. */
typedef struct fd_shown_pair {
    fd_shown_item a, b;
    char *text; /* NULL: the strings are the ready pair's */
} fd_shown_pair;

/* No lock may be held. -EBADMSG if an item is missing. */
int fd_ready_pair_show(fd_engine *engine, const fd_ready_pair *ready_pair,
                       fd_shown_pair *ret) FD_MUST_CHECK;
void fd_shown_pair_clear(fd_shown_pair *shown);

void fd_ready_pair_free(fd_ready_pair *ready_pair); /* drops one reference */
FD_DEFINE_CLEANUP(fd_ready_pair, fd_ready_pair_free)

static inline const char *fd_arm_name(fd_arm arm) {
    return arm == FD_ARM_ACTIVE ? "active" : "control";
}

#endif
