/*
 * The quick choice: when nothing lies ready for an annotator, a few pairs are chosen from a small
 * sample, in about a millisecond, while the refill thread chooses properly. Each is the best of
 * those drawn for it by the gain under the model that serves, or by what the configured strategy
 * looks at; pairs that are out or lie ready count as known.
 */
#ifndef FD_QUICK_CHOICE_H
#define FD_QUICK_CHOICE_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "ready_pair.h"

/* The strategy that the assignments of a quick choice name. */
#define FD_QUICK_STRATEGY "quick"

typedef struct fd_quick_choice {
    size_t count;
    fd_ready_pair **pairs; /* [count], the best first */
    bool is_whole;         /* all pairs were looked at */
    bool is_last;          /* all were, and no annotator may get another one */
} fd_quick_choice;

/* Chooses up to `count` pairs that neither lie ready nor are out, and `others` more for those who
 * wait. Fewer, or none, if the sample has no more. -EAGAIN with a fault before there are items. */
int fd_quick_choice_make(fd_engine *engine, uint32_t annotator, size_t count, size_t others,
                         fd_quick_choice *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_quick_choice_clear(fd_quick_choice *choice);

#endif
