/* Checks the options beyond the bounds of each. */
#ifndef FD_OPTIONS_CHECK_H
#define FD_OPTIONS_CHECK_H

#include "options.h"

/* -EINVAL with a fault: no database, or an unknown log level, strategy, scope or origin. */
int fd_options_check(const fd_options *options, fd_fault *fault) FD_MUST_CHECK;

#endif
