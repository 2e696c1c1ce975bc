/* Finds rows by their ids. */
#include "id_index.h"

#include <errno.h>
#include <string.h>

#include "text_hash.h"

enum { SLOTS_LEAST = 64 };

static size_t first_slot(const fd_id_index *index, const char *id) {
    return (size_t)(fd_text_hash(FD_TEXT_HASH_START, id) >> 20) & (index->n_slots - 1);
}

static const char *id_of(fd_id_rows rows, uint32_t row) {
    const char *id;
    memcpy(&id, (const char *)rows.first + rows.size * row, sizeof(id));
    return id;
}

int fd_id_index_enlarge(const fd_id_index *index, fd_id_rows rows, size_t count, size_t extra,
                        fd_id_index *ret) {
    size_t n_slots = index->n_slots > 0 ? index->n_slots : SLOTS_LEAST;
    while ((count + extra) * 4 > n_slots * 3)
        n_slots *= 2;
    *ret = (fd_id_index){0};
    if (n_slots == index->n_slots)
        return 0;
    fd_id_index larger = {n_slots, calloc(n_slots, sizeof(*larger.slots))};
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        fd_id_index_add(&larger, id_of(rows, (uint32_t)i), (uint32_t)i);
    *ret = larger;
    return 0;
}

void fd_id_index_exchange(fd_id_index *index, fd_id_index *larger) {
    fd_id_index before = *index;
    if (larger->n_slots == 0)
        return;
    *index = *larger;
    *larger = before;
}

uint32_t fd_id_index_find(const fd_id_index *index, fd_id_rows rows, const char *id) {
    if (index->n_slots == 0)
        return FD_NO_ROW;
    size_t i = first_slot(index, id);
    while (index->slots[i] > 0 && strcmp(id_of(rows, index->slots[i] - 1), id) != 0)
        i = (i + 1) & (index->n_slots - 1);
    return index->slots[i] - 1; /* 0 - 1 is FD_NO_ROW */
}

void fd_id_index_add(fd_id_index *index, const char *id, uint32_t row) {
    size_t i = first_slot(index, id);
    while (index->slots[i] > 0)
        i = (i + 1) & (index->n_slots - 1);
    index->slots[i] = row + 1;
}

void fd_id_index_clear(fd_id_index *index) {
    free(index->slots);
    *index = (fd_id_index){0};
}
