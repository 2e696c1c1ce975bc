/* Memory of a request that works on one block after another: blocks take the same memory. */
#ifndef FD_BLOCK_MEMORY_H
#define FD_BLOCK_MEMORY_H

#include <stddef.h>

#include "request.h"

/* Starts as all zero. */
typedef struct fd_block_memory {
    const fd_request *request;
    size_t used; /* bytes that this block takes */
    size_t most; /* and that any block took */
} fd_block_memory;

/* The request as a block sees it; it refers to both. */
fd_request fd_block_memory_request(fd_block_memory *memory, const fd_request *request);

/* To be called before each block, and before a block is tried again. */
void fd_block_memory_next(fd_block_memory *memory);

#endif
