/*
 * Health: signs of life of the threads in the background. Each thread beats while it works, the
 * trainer and the refitter at each of their steps, the writer at each group of jobs. All functions
 * may be called from any thread.
 */
#ifndef FD_HEALTH_H
#define FD_HEALTH_H

#include <stdbool.h>
#include <stddef.h>

#include "engine_options.h"
#include "macros.h"

typedef enum fd_health_subject {
    FD_HEALTH_WRITER,
    FD_HEALTH_TRAINING,
    FD_HEALTH_REFIT,
    FD_HEALTH_SUBJECTS
} fd_health_subject;

int fd_health_new(fd_engine *engine) FD_MUST_CHECK;
void fd_health_free(fd_engine *engine);

/* It works and has made a step. */
void fd_health_beat(fd_engine *engine, fd_health_subject subject);
/* The same, but only if it rested: work came in that it has not taken yet. */
void fd_health_wake(fd_engine *engine, fd_health_subject subject);
/* It has nothing to do. */
void fd_health_rest(fd_engine *engine, fd_health_subject subject);
/* How a training or a refit ended. */
void fd_health_result(fd_engine *engine, fd_health_subject subject, bool has_failed);

/* Seconds since the last beat; 0 while it rests. */
double fd_health_silence(fd_engine *engine, fd_health_subject subject);

/* 0 if trainings and refits go on and succeed; otherwise -EAGAIN and a reason in `reason` (at most
 * `size` bytes). Sets their gauges. */
int fd_health_ready(fd_engine *engine, char *reason, size_t size) FD_MUST_CHECK;

#endif
