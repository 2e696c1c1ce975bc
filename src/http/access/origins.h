/* The Origin and Host headers: from which site a browser sends a request, and which may. */
#ifndef FD_ORIGINS_H
#define FD_ORIGINS_H

#include <stdbool.h>

#include "fault.h"
#include "macros.h"

/* Checks a list of origins (https://labels.example.org, http://localhost:3000) with commas or
 * spaces between them. -EINVAL with a fault for anything else. */
int fd_origins_check(const char *list, fd_fault *fault) FD_MUST_CHECK;

/* Whether such a list has the origin; false where either is NULL. */
bool fd_origins_contain(const char *list, const char *origin);

/* Whether an Origin header names the same host and port as a Host header. */
bool fd_origin_is_of(const char *origin, const char *host);

/*
 * Whether a Host header names this machine: by an address, by "localhost", or by a name without a
 * dot. Names with a dot are refused, against DNS rebinding: anyone can make their own domain point
 * here, and a visitor's browser would then take our responses for their site's.
 */
bool fd_host_is_local(const char *host);

#endif
