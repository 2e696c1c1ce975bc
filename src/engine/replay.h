/* The start: reads the store into memory, before any thread runs. */
#ifndef FD_REPLAY_H
#define FD_REPLAY_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"

/* -EBADMSG with a fault if the content of the store contradicts itself. */
int fd_replay_store(fd_engine *engine, fd_fault *fault) FD_MUST_CHECK;

#endif
