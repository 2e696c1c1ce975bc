/* Hashes of the ids of labels, in an open table. Two ids with the same hash only cost a question to
 * the server. */
#include "postgres_known_ids.h"

#include <stdlib.h>

enum { SMALLEST = 1024 };

void fd_postgres_known_ids_clear(fd_postgres_known_ids *ids) {
    free(ids->hashes);
    *ids = (fd_postgres_known_ids){0};
}

/* FNV-1a, with its bits mixed once more, because the low ones choose the place. */
static uint64_t hash_of(const char *id) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *byte = (const unsigned char *)id; *byte; byte++)
        hash = (hash ^ *byte) * 0x100000001b3u;
    hash ^= hash >> 32;
    hash *= 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

static uint64_t *place_of(const fd_postgres_known_ids *ids, uint64_t hash) {
    size_t i = (size_t)hash & (ids->capacity - 1);
    while (ids->hashes[i] != 0 && ids->hashes[i] != hash)
        i = (i + 1) & (ids->capacity - 1);
    return &ids->hashes[i];
}

static bool grow(fd_postgres_known_ids *ids) {
    fd_postgres_known_ids larger = {.capacity = ids->capacity ? 2 * ids->capacity : SMALLEST,
                                    .count = ids->count};
    larger.hashes = calloc(larger.capacity, sizeof(*larger.hashes));
    if (!larger.hashes)
        return false;
    for (size_t i = 0; i < ids->capacity; i++)
        if (ids->hashes[i] != 0)
            *place_of(&larger, ids->hashes[i]) = ids->hashes[i];
    free(ids->hashes);
    *ids = larger;
    return true;
}

bool fd_postgres_known_ids_add(fd_postgres_known_ids *ids, const char *id) {
    if (!ids->is_incomplete && 4 * (ids->count + 1) > 3 * ids->capacity && !grow(ids)) {
        fd_postgres_known_ids_clear(ids);
        ids->is_incomplete = true;
    }
    if (ids->is_incomplete)
        return true;
    uint64_t hash = hash_of(id);
    uint64_t *place = place_of(ids, hash);
    bool was_known = *place == hash;
    *place = hash;
    ids->count += !was_known;
    return was_known;
}
