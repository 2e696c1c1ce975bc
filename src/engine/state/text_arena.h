/* Texts that are added one after another and never move, in chunks. */
#ifndef FD_TEXT_ARENA_H
#define FD_TEXT_ARENA_H

#include <stddef.h>

#include "macros.h"

/* A place in an arena: behind what was added before. */
typedef struct fd_text_place {
    size_t chunk;
    size_t used; /* bytes of the chunk */
} fd_text_place;

typedef struct fd_text_arena {
    struct fd_text_chunk {
        char *bytes;
        size_t size;
    } * chunks; /* [count] */
    size_t count, capacity;
    fd_text_place end;
} fd_text_arena;

/* Copies a text to the end. -ENOMEM. */
int fd_text_arena_add(fd_text_arena *arena, const char *text, const char **ret) FD_MUST_CHECK;

/* The place behind a text that was added after `from`. */
fd_text_place fd_text_arena_behind(const fd_text_arena *arena, fd_text_place from,
                                   const char *text);

/* Forgets the texts that were added after a place. */
static inline void fd_text_arena_rewind(fd_text_arena *arena, fd_text_place to) {
    arena->end = to;
}

void fd_text_arena_clear(fd_text_arena *arena);

#endif
