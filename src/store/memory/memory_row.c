/* Packing rows, and comparing their texts. */
#include "memory_row.h"

#include <string.h>

const void *fd_memory_pack(fd_memory_packing *packing, const void *bytes, size_t size) {
    packing->size += size;
    if (!packing->at || !bytes)
        return NULL;
    void *copy = memcpy(packing->at, bytes, size);
    packing->at += size;
    return copy;
}

const char *fd_memory_pack_text(fd_memory_packing *packing, const char *text) {
    return text ? fd_memory_pack(packing, text, strlen(text) + 1) : NULL;
}

bool fd_memory_same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}
