/*
 * A training that somebody asked for, at whichever replica: the wish lies in the store until the
 * replica that trains has fulfilled it, so that it outlives both.
 */
#ifndef FD_TRAINING_WISH_H
#define FD_TRAINING_WISH_H

#include "engine_options.h"
#include "macros.h"

/* Stores the wish. Two of them are one, from scratch if either asks for it. */
int fd_training_wish_add(fd_engine *engine, fd_retrain from) FD_MUST_CHECK;

/* At the replica that trains: asks the trainer for what others wish, and removes a wish whose
 * training has ended. Called by the thread of the replica. */
void fd_training_wish_look(fd_engine *engine);

/* A training has come to its end. Called by the trainer's thread, so that a replica that stops next
 * leaves no wish that it has fulfilled. */
void fd_training_wish_note_trained(fd_engine *engine);

#endif
