/* A block of components: what the model's input statistics make of the embeddings of some items,
 * so that a start needs no embeddings. The store knows nothing of what the bytes mean. */
#ifndef FD_COMPONENT_BLOCK_H
#define FD_COMPONENT_BLOCK_H

#include <stddef.h>
#include <stdint.h>

typedef struct fd_component_block {
    const char *inputs; /* whose components they are */
    uint32_t block;     /* its number, from 0 */
    const void *bytes;
    size_t size;
} fd_component_block;

typedef int fd_component_block_visit(void *context, const fd_component_block *block);

#endif
