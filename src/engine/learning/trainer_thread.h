/* The trainer: the thread that trains a new version when enough labels came, when the oldest new
 * one has waited long enough, or when a request asks for it. Once a version serves, changed scores
 * and texts of items that it knows count like labels. */
#ifndef FD_TRAINER_THREAD_H
#define FD_TRAINER_THREAD_H

#include <stdbool.h>
#include <stddef.h>

#include "coming_vectors.h"
#include "engine_options.h"
#include "macros.h"
#include "trainer.h"

int fd_trainer_new(fd_engine *engine) FD_MUST_CHECK;
void fd_trainer_free(fd_engine *engine);

/* Before it starts: how many of the revisions of labels the newest training knew. */
void fd_trainer_set_trained(fd_engine *engine, size_t revisions);

int fd_trainer_start(fd_engine *engine) FD_MUST_CHECK;
void fd_trainer_interrupt(fd_engine *engine); /* a training ends at its next step */
void fd_trainer_stop(fd_engine *engine);      /* interrupts, then joins */

/* A commit hook: there may be new labels, or other extras. */
void fd_trainer_on_commit(fd_engine *engine);

/* Has the trainer's thread switch to the coming vectors (training.h), and waits for it. One caller
 * at a time. */
int fd_trainer_switch(fd_engine *engine, fd_coming_vectors *coming) FD_MUST_CHECK;

/* What the thread calls, once one is set, when a training has come to its end. */
typedef void fd_trainer_hook(fd_engine *engine);
void fd_trainer_on_end(fd_engine *engine, fd_trainer_hook *hook);

bool fd_trainer_has_labels(fd_engine *engine);
bool fd_trainer_request(fd_engine *engine, fd_retrain from); /* false without labels */
void fd_trainer_withdraw(fd_engine *engine);   /* a request whose training has not begun */
bool fd_trainer_is_at_rest(fd_engine *engine); /* nothing is requested, and no training runs */
void fd_trainer_wait(fd_engine *engine); /* until all trainings that were asked for have ended */

/* The state, and the progress of the running training, 0 to 1. */
void fd_trainer_read_state(fd_engine *engine, fd_trainer_state *ret, double *ret_progress);

/* A version of another replica serves, which knew the first revisions of labels. */
void fd_trainer_follow(fd_engine *engine, size_t revisions);

#endif
