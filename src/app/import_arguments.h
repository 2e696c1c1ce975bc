/* The arguments of `fisherd import FILE…`: those that are not options of the daemon. */
#ifndef FD_IMPORT_ARGUMENTS_H
#define FD_IMPORT_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"

typedef struct fd_import_arguments {
    const char **files; /* [n_files], from argv */
    size_t n_files;
    char *map; /* all --map, with commas between */
    bool is_dry;
} fd_import_arguments;

/* Takes files, --map and --dry-run out of the arguments, and leaves the others in their order.
 * -EINVAL with a fault; -ENOMEM. */
int fd_import_arguments_take(int *argc, char **argv, fd_import_arguments *ret,
                             fd_fault *fault) FD_MUST_CHECK;
void fd_import_arguments_clear(fd_import_arguments *arguments);

#endif
