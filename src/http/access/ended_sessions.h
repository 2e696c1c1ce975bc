/*
 * Which sessions have been ended before they expired. Ending one ends all that began before with
 * the same token, copies of the cookie included. A file of the daemon's own keeps that over
 * restarts; replicas share one.
 */
#ifndef FD_ENDED_SESSIONS_H
#define FD_ENDED_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "identity.h"
#include "kept_file.h"
#include "macros.h"

/* Starts as all zero. */
typedef struct fd_ended_sessions {
    size_t n;
    struct fd_ended_session *list; /* [n] */
    uint64_t version;              /* of the file that was read or written last */
} fd_ended_sessions;

/* Without a file nothing has been ended. -EINVAL, with a fault, for a damaged one. */
int fd_ended_sessions_read(const fd_kept_file *file, fd_ended_sessions *ret,
                           fd_fault *fault) FD_MUST_CHECK;

/* -EEXIST: the shared file is not the one that was read any more. */
int fd_ended_sessions_write(const fd_kept_file *file, fd_ended_sessions *ended,
                            fd_fault *fault) FD_MUST_CHECK;

/* Ends what has ended by others too, whose file is the one that was read last. -ENOMEM. */
int fd_ended_sessions_add(fd_ended_sessions *ended, const fd_ended_sessions *others) FD_MUST_CHECK;
void fd_ended_sessions_clear(fd_ended_sessions *ended);

/* Sessions of the token that began at this time or before have ended; Unix milliseconds, 0: none.
 */
int64_t fd_ended_sessions_until(const fd_ended_sessions *ended, const char *token);

/* Ends those that began up to `now`, and forgets what ended before `oldest`. -ENOMEM. */
int fd_ended_sessions_end(fd_ended_sessions *ended, const char *token, int64_t now,
                          int64_t oldest) FD_MUST_CHECK;

#endif
