/* Arrays that grow. */
#ifndef FD_ARRAY_H
#define FD_ARRAY_H

#include <errno.h>
#include <string.h>

#include "macros.h"

/* Gives the malloc'd array at `array`, a T **, room for `needed` elements of `size` bytes. The
 * capacity at least doubles, so that adding an element takes constant time on average. After
 * -ENOMEM nothing has changed. */
FD_MUST_CHECK
static inline int fd_array_reserve(void *array, size_t *capacity, size_t needed, size_t size) {
    enum { CAPACITY_LEAST = 4 };
    if (needed <= *capacity)
        return 0;
    size_t room = *capacity > 0 ? 2 * *capacity : CAPACITY_LEAST;
    room = room > needed ? room : needed;
    void *old;
    memcpy(&old, array, sizeof(old));
    void *grown = reallocarray(old, room, size);
    if (!grown)
        return -ENOMEM;
    memcpy(array, &grown, sizeof(grown));
    *capacity = room;
    return 0;
}

#endif
