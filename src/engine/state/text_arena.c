/* Keeps texts in chunks of memory. */
#include "text_arena.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "array.h"

/* Chunks are filled before the next one begins, but for the last bytes of each. */
enum { CHUNK_SIZE = 32 * 1024 };

static int add_chunk(fd_text_arena *arena, size_t size) {
    int r = fd_array_reserve(&arena->chunks, &arena->capacity, arena->count + 1,
                             sizeof(*arena->chunks));
    if (r < 0)
        return r;
    char *bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    arena->chunks[arena->count++] = (struct fd_text_chunk){bytes, size};
    return 0;
}

int fd_text_arena_add(fd_text_arena *arena, const char *text, const char **ret) {
    size_t size = strlen(text) + 1;
    fd_text_place end = arena->end;
    while (end.chunk < arena->count && arena->chunks[end.chunk].size - end.used < size)
        end = (fd_text_place){end.chunk + 1, 0};
    if (end.chunk == arena->count) {
        int r = add_chunk(arena, size > CHUNK_SIZE ? size : CHUNK_SIZE);
        if (r < 0)
            return r;
    }
    char *to = arena->chunks[end.chunk].bytes + end.used;
    memcpy(to, text, size);
    arena->end = (fd_text_place){end.chunk, end.used + size};
    *ret = to;
    return 0;
}

static bool contains(const struct fd_text_chunk *chunk, const char *text) {
    uintptr_t first = (uintptr_t)chunk->bytes, at = (uintptr_t)text;
    return at >= first && at - first < chunk->size;
}

fd_text_place fd_text_arena_behind(const fd_text_arena *arena, fd_text_place from,
                                   const char *text) {
    while (!contains(&arena->chunks[from.chunk], text))
        from.chunk++;
    return (fd_text_place){from.chunk,
                           (size_t)(text - arena->chunks[from.chunk].bytes) + strlen(text) + 1};
}

void fd_text_arena_clear(fd_text_arena *arena) {
    for (size_t i = 0; i < arena->count; i++)
        free(arena->chunks[i].bytes);
    free(arena->chunks);
    memset(arena, 0, sizeof(*arena));
}
