/* The owner of a file that root makes for a service: the service's own user must be able to open
 * it. */
#ifndef FD_FILE_OWNER_H
#define FD_FILE_OWNER_H

#include "macros.h"

/* If this is root, gives an open file the owner and the group of the file `path`, or of its folder
 * if there is no such file. For other users it does nothing. -errno, -ENOMEM. */
int fd_file_owner_like(int file, const char *path) FD_MUST_CHECK;

#endif
