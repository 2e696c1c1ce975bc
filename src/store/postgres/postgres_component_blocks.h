/* The store's operations on blocks of components. */
#ifndef FD_POSTGRES_COMPONENT_BLOCKS_H
#define FD_POSTGRES_COMPONENT_BLOCKS_H

#include "store.h"

int fd_postgres_component_block_write(fd_store *store,
                                      const fd_component_block *block) FD_MUST_CHECK;
int fd_postgres_component_blocks_prune(fd_store *store, const char *inputs, size_t limit,
                                       size_t *ret_deleted) FD_MUST_CHECK;
int fd_postgres_component_blocks_read(fd_store *store, const char *inputs, uint32_t first,
                                      fd_component_block_visit *visit, void *context) FD_MUST_CHECK;

#endif
