/* Takes from the memory budget only what a block needs beyond those before it. */
#include "block_memory.h"

static bool take_memory(void *context, size_t bytes) {
    fd_block_memory *memory = context;
    const fd_request *request = memory->request;
    memory->used += bytes;
    if (memory->used <= memory->most)
        return true;
    if (!request->take_memory(request->await_context, memory->used - memory->most))
        return false;
    memory->most = memory->used;
    return true;
}

static bool is_awaited(void *context) {
    const fd_block_memory *memory = context;
    return memory->request->is_awaited(memory->request->await_context);
}

fd_request fd_block_memory_request(fd_block_memory *memory, const fd_request *request) {
    fd_request inner = *request;
    memory->request = request;
    inner.take_memory = take_memory;
    inner.is_awaited = is_awaited;
    inner.await_context = memory;
    return inner;
}

void fd_block_memory_next(fd_block_memory *memory) {
    memory->used = 0;
}
