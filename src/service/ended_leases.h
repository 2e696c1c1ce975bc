/* Hands back the leases of annotators whose access has ended. */
#ifndef FD_ENDED_LEASES_H
#define FD_ENDED_LEASES_H

#include "access.h"
#include "ended_names.h"
#include "engine.h"

/* Looks for names whose tokens have ended since the last call, or before the first, and ends their
 * leases. `known` begins as zero and is cleared by the caller. */
void fd_ended_leases_check(fd_engine *engine, fd_access *access, fd_ended_names *known);

#endif
