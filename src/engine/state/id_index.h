/* An open-addressing index of rows by id. A row begins with a pointer to its id. */
#ifndef FD_ID_INDEX_H
#define FD_ID_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "macros.h"

typedef struct fd_id_index {
    size_t n_slots;  /* 0, or a power of two */
    uint32_t *slots; /* [n_slots] by the hash of the id: the row plus one; 0: empty */
} fd_id_index;

/* Rows of `size` bytes each. */
typedef struct fd_id_rows {
    const void *first;
    size_t size;
} fd_id_rows;

#define FD_NO_ROW UINT32_MAX

/* Makes a larger index if this one, of `count` rows, has no room for `extra` more; otherwise *ret
 * is empty. -ENOMEM. */
int fd_id_index_enlarge(const fd_id_index *index, fd_id_rows rows, size_t count, size_t extra,
                        fd_id_index *ret) FD_MUST_CHECK;

/* Exchanges an index for the larger one, if there is one. */
void fd_id_index_exchange(fd_id_index *index, fd_id_index *larger);

/* FD_NO_ROW if no row has the id. */
uint32_t fd_id_index_find(const fd_id_index *index, fd_id_rows rows, const char *id);

/* Adds a row, for which there is room, whose id no other row has. */
void fd_id_index_add(fd_id_index *index, const char *id, uint32_t row);

void fd_id_index_clear(fd_id_index *index);

#endif
