/* Shared by the tables: one allocation holds a row and everything that it points to. */
#ifndef FD_MEMORY_ROW_H
#define FD_MEMORY_ROW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Pack everything twice: first with `at` NULL, which measures the size, then with `at` pointing to
 * that many bytes, which copies. Pack numbers before texts, so that they are aligned.
 */
typedef struct fd_memory_packing {
    char *at;
    size_t size;
} fd_memory_packing;

/* The copy, or NULL while measuring; NULL stays NULL. */
const void *fd_memory_pack(fd_memory_packing *packing, const void *bytes, size_t size);
const char *fd_memory_pack_text(fd_memory_packing *packing, const char *text);

/* Two texts are the same also if both are NULL. */
bool fd_memory_same_text(const char *a, const char *b);

#endif
