/* Hashes of the ids of labels: an id whose hash is not among them is new. */
#ifndef FD_POSTGRES_KNOWN_IDS_H
#define FD_POSTGRES_KNOWN_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Starts as all zero. Takes 11 to 22 bytes for an id. */
typedef struct fd_postgres_known_ids {
    uint64_t *hashes; /* [capacity]; 0: empty */
    size_t capacity;  /* a power of two, or 0 */
    size_t count;
    bool is_incomplete; /* memory ran out: any id may be known */
} fd_postgres_known_ids;

void fd_postgres_known_ids_clear(fd_postgres_known_ids *ids);

/* True if the id may have been added before; it is added. */
bool fd_postgres_known_ids_add(fd_postgres_known_ids *ids, const char *id);

#endif
