/* Checks the options beyond the bounds of each. */
#ifndef FD_OPTIONS_CHECK_H
#define FD_OPTIONS_CHECK_H

#include "options.h"

/* -EINVAL with a fault for a text that its option does not take: an unknown log level, strategy,
 * scope, origin, address or network. `members` are an fd_options. -ENOMEM. */
int fd_options_check_one(const fd_option_row *row, const void *members,
                         fd_fault *fault) FD_MUST_CHECK;

/* The same for all options, and -EINVAL if no database is named. */
int fd_options_check(const fd_options *options, fd_fault *fault) FD_MUST_CHECK;

#endif
