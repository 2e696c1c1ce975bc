/* Where browsers say that a request comes from, and who may ask from elsewhere. */
#ifndef FD_ORIGINS_H
#define FD_ORIGINS_H

#include <stdbool.h>

#include "fault.h"
#include "macros.h"

/* A list of origins (https://labels.example.org, http://localhost:3000) between commas or spaces.
 * -EINVAL with a fault for anything else. */
int fd_origins_check(const char *list, fd_fault *fault) FD_MUST_CHECK;
bool fd_origins_contain(const char *list, const char *origin); /* NULL, either: no */

/* Whether an Origin is of the host that a Host header names. */
bool fd_origin_is_of(const char *origin, const char *host);

/*
 * Whether a Host header names this machine as no stranger can: an address, "localhost", or a name
 * without a dot. Any other name may be somebody's who made it point here, to have a visitor's
 * browser speak to us as if from the same site.
 */
bool fd_host_is_local(const char *host);

#endif
