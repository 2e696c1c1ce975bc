/* A set of hashes with open addressing. */
#include "imported_ids.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM_MIN = 1024 };

static uint64_t finish(crypto_generichash_state *state) {
    unsigned char hash[16];
    uint64_t number;
    (void)crypto_generichash_final(state, hash, sizeof(hash));
    memcpy(&number, hash, sizeof(number));
    return number ? number : 1;
}

static void add_text(crypto_generichash_state *state, const char *text) {
    size_t size = text ? strlen(text) : SIZE_MAX;
    (void)crypto_generichash_update(state, (const unsigned char *)&size, sizeof(size));
    if (text)
        (void)crypto_generichash_update(state, (const unsigned char *)text, size);
}

static uint64_t hash_id(const char *id) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, 16);
    add_text(&state, id);
    return finish(&state);
}

static uint64_t hash_texts(const fd_item_row *row) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, 16);
    add_text(&state, row->prompt);
    add_text(&state, row->response);
    return finish(&state);
}

static uint64_t hash_content(const fd_item_row *row, uint64_t texts) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, 16);
    (void)crypto_generichash_update(&state, (const unsigned char *)&texts, sizeof(texts));
    add_text(&state, row->prompt_id);
    add_text(&state, row->metadata);
    if (row->embedding)
        (void)crypto_generichash_update(&state, (const unsigned char *)row->embedding,
                                        row->dimension * sizeof(*row->embedding));
    return finish(&state);
}

/* The slot of the id, or the free one where it would be. To be called only with room. */
static fd_imported_id *find(const fd_imported_ids *ids, uint64_t id) {
    size_t at = (size_t)id & (ids->room - 1);
    while (ids->slots[at].id != 0 && ids->slots[at].id != id)
        at = (at + 1) & (ids->room - 1);
    return &ids->slots[at];
}

static bool must_grow(const fd_imported_ids *ids) {
    return 2 * (ids->n + 1) > ids->room;
}

static size_t next_room(const fd_imported_ids *ids) {
    return ids->room > 0 ? 2 * ids->room : ROOM_MIN;
}

size_t fd_imported_ids_growth(const fd_imported_ids *ids) {
    return must_grow(ids) ? next_room(ids) * sizeof(*ids->slots) : 0;
}

static int grow(fd_imported_ids *ids) {
    fd_imported_ids larger = {.room = next_room(ids), .n = ids->n};
    larger.slots = calloc(larger.room, sizeof(*larger.slots));
    if (!larger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < ids->room; i++)
        if (ids->slots[i].id != 0)
            *find(&larger, ids->slots[i].id) = ids->slots[i];
    free(ids->slots);
    *ids = larger;
    return 0;
}

bool fd_imported_ids_has(const fd_imported_ids *ids, const char *id) {
    return ids->room > 0 && find(ids, hash_id(id))->id != 0;
}

int fd_imported_ids_add(fd_imported_ids *ids, const fd_item_row *row, bool by_texts,
                        bool *ret_is_new, bool *ret_is_same) {
    fd_imported_id added = {.id = hash_id(row->id), .texts = hash_texts(row)};
    added.content = hash_content(row, added.texts);
    int r = must_grow(ids) ? grow(ids) : 0;
    if (r < 0)
        return r;
    fd_imported_id *slot = find(ids, added.id);
    *ret_is_new = slot->id == 0;
    *ret_is_same = by_texts ? slot->texts == added.texts : slot->content == added.content;
    if (!*ret_is_new)
        return 0;
    *slot = added;
    ids->n++;
    return 0;
}

void fd_imported_ids_reset(fd_imported_ids *ids) {
    if (ids->n > 0)
        memset(ids->slots, 0, ids->room * sizeof(*ids->slots));
    ids->n = 0;
}

void fd_imported_ids_clear(fd_imported_ids *ids) {
    free(ids->slots);
    *ids = (fd_imported_ids){0};
}
