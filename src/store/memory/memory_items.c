/* Items in memory: adding them and reading them. */
#include "memory_items.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "memory_row.h"

struct fd_memory_item {
    fd_item_row row; /* all that it points at lies behind it */
    UT_hash_handle hh;
};

/* ---- rows ---- */

static fd_item_row pack_item(fd_memory_packing *packing, const fd_item_row *from) {
    fd_item_row row = *from;
    row.embedding =
        fd_memory_pack(packing, from->embedding, from->dimension * sizeof(*from->embedding));
    row.id = fd_memory_pack_text(packing, from->id);
    row.prompt_id = fd_memory_pack_text(packing, from->prompt_id);
    row.prompt = fd_memory_pack_text(packing, from->prompt);
    row.response = fd_memory_pack_text(packing, from->response);
    row.metadata = fd_memory_pack_text(packing, from->metadata);
    row.text_features = (fd_text_features_row){0}; /* they have a table of their own */
    row.scores = NULL;
    row.n_scores = 0;
    return row;
}

static struct fd_memory_item *item_new(const fd_item_row *row) {
    fd_memory_packing packing = {0};
    (void)pack_item(&packing, row);
    struct fd_memory_item *item = calloc(1, sizeof(*item) + packing.size);
    if (!item)
        return NULL;
    packing.at = (char *)(item + 1);
    item->row = pack_item(&packing, row);
    return item;
}

static bool same_item(const fd_item_row *a, const fd_item_row *b) {
    return fd_memory_same_text(a->prompt_id, b->prompt_id) &&
           fd_memory_same_text(a->prompt, b->prompt) &&
           fd_memory_same_text(a->response, b->response) &&
           fd_memory_same_text(a->metadata, b->metadata) && a->dimension == b->dimension &&
           memcmp(a->embedding, b->embedding, a->dimension * sizeof(*a->embedding)) == 0;
}

void fd_memory_items_clear(fd_memory_items *items) {
    HASH_CLEAR(hh, items->by_id); /* as a whole: dropping row by row would search for each */
    fd_memory_table_clear(&items->table);
    fd_memory_text_features_clear(&items->text_features);
}

void fd_memory_items_drop(fd_memory_items *items, size_t keep) {
    fd_memory_text_features_drop(&items->text_features, keep);
    while (items->table.count > keep) {
        struct fd_memory_item *item = items->table.rows[--items->table.count];
        assert(items->by_id);
        HASH_DEL(items->by_id, item);
        free(item);
    }
}

/* ---- adding ---- */

static int item_insert(fd_memory_items *items, const fd_item_row *row) {
    int r = fd_memory_table_reserve(&items->table);
    if (r < 0)
        return r;
    struct fd_memory_item *item = item_new(row);
    if (!item)
        return -ENOMEM;
    item->row.index = (uint32_t)items->table.count;
    HASH_ADD_KEYPTR(hh, items->by_id, item->row.id, strlen(item->row.id), item);
    if (!item->hh.tbl) {
        free(item);
        return -ENOMEM;
    }
    items->table.rows[items->table.count++] = item;
    fd_text_features_row features = row->text_features;
    features.index = item->row.index;
    return features.values ? fd_memory_text_features_write(&items->text_features,
                                                           items->table.count, &features, 1)
                           : 0;
}

static int item_add(fd_memory_items *items, const fd_item_row *row, uint32_t *ret_index,
                    fd_added *added) {
    struct fd_memory_item *item;
    HASH_FIND_STR(items->by_id, row->id, item);
    if (item) {
        if (!same_item(&item->row, row))
            return -EEXIST;
        added->unchanged++;
        *ret_index = item->row.index;
        return 0;
    }
    int r = item_insert(items, row);
    if (r < 0)
        return r;
    added->created++;
    *ret_index = (uint32_t)items->table.count - 1;
    return 0;
}

int fd_memory_items_add(fd_memory_items *items, const fd_item_row *rows, size_t n,
                        uint32_t *indices, fd_added *ret) {
    size_t before = items->table.count;
    *ret = (fd_added){0};
    for (size_t i = 0; i < n; i++) {
        int r = item_add(items, &rows[i], &indices[i], ret);
        if (r < 0) {
            fd_memory_items_drop(items, before);
            *ret = (fd_added){.conflict = i};
            return r;
        }
    }
    return 0;
}

/* ---- reading ---- */

int fd_memory_items_read(const fd_memory_items *items, uint32_t first, size_t limit,
                         bool embeddings, fd_item_visit *visit, void *context) {
    int r = 0;
    for (size_t i = 0; i < limit && r == 0; i++) {
        const struct fd_memory_item *item = fd_memory_table_at(&items->table, first + i);
        if (!item)
            return 0;
        fd_item_row row = item->row;
        if (!embeddings) {
            const struct fd_memory_item *first_item = fd_memory_table_at(&items->table, 0);
            row.embedding = NULL;
            row.dimension = first_item->row.dimension;
        }
        FD_FREE fd_text_features_row *features = NULL;
        r = fd_memory_text_features_copy(&items->text_features, row.index, &features);
        if (r < 0)
            return r;
        if (features)
            row.text_features = *features;
        r = visit(context, &row);
    }
    return r;
}

int fd_memory_vectors_read(const fd_memory_items *items, uint32_t first, size_t limit,
                           fd_item_visit *visit, void *context) {
    int r = 0;
    for (size_t i = 0; i < limit && r == 0; i++) {
        const struct fd_memory_item *item = fd_memory_table_at(&items->table, first + i);
        if (!item)
            return 0;
        const fd_item_row row = {.index = item->row.index,
                                 .embedding = item->row.embedding,
                                 .dimension = item->row.dimension};
        r = visit(context, &row);
    }
    return r;
}
