/* A store in memory, which ends with the process. */
#ifndef FD_MEMORY_STORE_H
#define FD_MEMORY_STORE_H

#include "store.h"

/* Opens an empty store. -ENOMEM. */
int fd_store_open_memory(fd_store **ret) FD_MUST_CHECK;

#endif
