/* The annotator of `fisherd demo --once`. */
#ifndef FD_PLANE_ANNOTATOR_H
#define FD_PLANE_ANNOTATOR_H

#include "fault.h"
#include "macros.h"

/* Adds points of the plane to the daemon at `url`, labels them in rounds, and prints a line for
 * each round. -errno; the fault is that of the call that failed. */
int fd_plane_annotate(const char *url, fd_fault *fault) FD_MUST_CHECK;

#endif
