/* File descriptors that are closed at the end of a scope. */
#ifndef FD_DESCRIPTOR_H
#define FD_DESCRIPTOR_H

#include <unistd.h>

#include "macros.h"

static inline void fd_closep(int *file) {
    if (*file >= 0)
        (void)close(*file);
}

/* `FD_CLOSE int file = open(…);` closes the file, if it is open, when it leaves the scope. */
#define FD_CLOSE FD_CLEANUP(fd_closep)

#endif
