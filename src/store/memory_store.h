/* The store in memory. */
#ifndef FD_MEMORY_STORE_H
#define FD_MEMORY_STORE_H

#include "store.h"

/* A store in memory that ends with the process; for tests. */
int fd_store_open_memory(fd_store **ret) FD_MUST_CHECK;

#endif
