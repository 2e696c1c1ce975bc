/* Gathers rows of an import: finds out which items are there, and refuses what cannot be added. */
#include "import_block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "import_staged.h"
#include "import_store.h"
#include "item_rules.h"

enum {
    BLOCK_BYTES = 8 << 20,
    BLOCK_ROWS = 2000,
    USUAL_DIMENSION = 1024, /* of embeddings that are not made yet, as long as it is not known */
};

int fd_import_block_open(const fd_import_place *place, fd_import_block **ret) {
    FD_CLEANUP(fd_import_block_closep) fd_import_block *block = calloc(1, sizeof(*block));
    if (!block)
        return -ENOMEM;
    block->place = *place;
    int r = place->is_dry ? fd_known_labels_read(&block->known_labels, place->store) : 0;
    if (r == 0)
        *ret = FD_STEAL(block);
    return r;
}

void fd_import_block_close(fd_import_block *block) {
    fd_known_labels_clear(&block->known_labels);
    fd_staged_empty(block);
    free(block->items);
    free(block->known);
    free(block->labels);
    free(block->owned);
    free(block);
}

/* ---- whether an item is there already ---- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* What is known by its texts may have other metadata, and an embedding counts if both have one. */
static bool is_same(const fd_item_row *a, const fd_item_row *b, bool by_texts) {
    if (strcmp(a->prompt_id, b->prompt_id) != 0 || !same_text(a->prompt, b->prompt) ||
        !same_text(a->response, b->response))
        return false;
    if (by_texts)
        return true;
    if (!same_text(a->metadata, b->metadata))
        return false;
    return !a->embedding || !b->embedding ||
           (a->dimension == b->dimension &&
            memcmp(a->embedding, b->embedding, a->dimension * sizeof(float)) == 0);
}

struct comparison {
    const fd_imported_item *item;
    bool is_same;
};

static int compare_stored(void *context, const fd_item_row *row) {
    struct comparison *comparison = context;
    comparison->is_same = is_same(&comparison->item->row, row, comparison->item->by_texts);
    return 0;
}

typedef enum presence { NEW, THERE, OTHER } presence;

static int find_item(const fd_import_block *block, const fd_imported_item *item, presence *ret) {
    const fd_import_place *place = &block->place;
    struct fd_staged_item *staged;
    struct comparison comparison = {item, true};
    uint32_t index;
    HASH_FIND_STR(block->by_id, item->row.id, staged);
    *ret = NEW;
    if (staged) {
        *ret = is_same(&item->row, &staged->row, item->by_texts) ? THERE : OTHER;
        return 0;
    }
    if (!fd_import_texts_find(place->texts, item->row.id, &index))
        return 0;
    /* An item that only a dry run has is not looked at again. */
    int r = index == UINT32_MAX ? 0
                                : place->store->operations->items_read(place->store, index, 1, true,
                                                                       compare_stored, &comparison);
    *ret = comparison.is_same ? THERE : OTHER;
    return r;
}

static bool has_item(const fd_import_block *block, const fd_imported_row *row, const char *id) {
    struct fd_staged_item *staged;
    uint32_t index;
    HASH_FIND_STR(block->by_id, id, staged);
    if (staged || fd_import_texts_find(block->place.texts, id, &index))
        return true;
    for (size_t i = 0; i < row->n_items; i++)
        if (!row->items[i].is_embedding && strcmp(row->items[i].row.id, id) == 0)
            return true;
    return false;
}

static size_t dimension_of(const fd_import_block *block) {
    size_t dimension = fd_import_texts_dimension(block->place.texts);
    for (size_t i = 0; i < block->n_items && dimension == 0; i++)
        dimension = block->items[i]->row.dimension;
    return dimension;
}

/* Whether a new item has, or can get, an embedding of the right size. */
static int check_embedding(const fd_import_block *block, size_t file, size_t line,
                           const fd_item_row *row) {
    char reason[128];
    size_t dimension = dimension_of(block);
    if (row->embedding && dimension != 0 && row->dimension != dimension) {
        (void)snprintf(reason, sizeof(reason), "has %zu numbers; the items before have %zu",
                       row->dimension, dimension);
        return fd_staged_refuse(block, file, line, "embedding", reason);
    }
    if (row->embedding)
        return 0;
    if (!row->response || row->response[0] == '\0')
        return fd_staged_refuse(block, file, line, "response", "is needed to make an embedding of");
    if (!fd_import_texts_has_embedder(block->place.texts))
        return fd_staged_refuse(block, file, line, "embedding",
                                "is missing, and no embedder makes one (option embedding-url)");
    return 0;
}

/* -EINVAL: the row was refused. */
static int check_item(fd_import_block *block, size_t file, size_t line, fd_imported_item *item,
                      presence *ret) {
    const char *member;
    char why[FD_RULE_SIZE];
    if (!item->row.embedding)
        (void)fd_import_vectors_find(block->place.vectors, &item->row);
    fd_item_row checked = item->row;
    if (!checked.embedding)
        checked.dimension = 1; /* there is none yet */
    if (fd_item_rule(&checked, &member, why) < 0)
        return fd_staged_refuse(block, file, line, member, why);
    int r = find_item(block, item, ret);
    if (r == 0 && *ret == OTHER)
        return fd_staged_refuse(block, file, line, "id", "exists already with other content");
    return r == 0 && *ret == NEW ? check_embedding(block, file, line, &item->row) : r;
}

static int check_labels(const fd_import_block *block, size_t file, const fd_imported_row *row) {
    for (size_t i = 0; i < row->n_labels; i++) {
        const fd_imported_label *label = &row->labels[i];
        const char *missing = !has_item(block, row, label->a)   ? "a"
                              : !has_item(block, row, label->b) ? "b"
                                                                : NULL;
        if (missing)
            return fd_staged_refuse(block, file, row->line, missing,
                                    "names an item that does not exist");
    }
    return 0;
}

/* ---- staging ---- */

static int stage_item(fd_import_block *block, const fd_imported_item *item, presence found) {
    struct fd_staged_item *staged;
    block->place.report->items.unchanged += found == THERE;
    if (found == THERE && item->row.n_scores == 0)
        return 0;
    int r = fd_staged_copy_item(block, item, &staged);
    if (r == 0 && found == THERE)
        r = fd_array_reserve(&block->known, &block->known_room, block->n_known + 1,
                             sizeof(struct fd_staged_item *));
    else if (r == 0)
        r = fd_array_reserve(&block->items, &block->items_room, block->n_items + 1,
                             sizeof(struct fd_staged_item *));
    if (r < 0)
        return r;
    if (found == THERE) {
        block->known[block->n_known++] = staged;
        return 0;
    }
    HASH_ADD_KEYPTR(hh, block->by_id, staged->row.id, strlen(staged->row.id), staged);
    if (!staged->hh.tbl)
        return -ENOMEM;
    block->items[block->n_items++] = staged;
    return 0;
}

static int stage_label(fd_import_block *block, size_t file, size_t line,
                       const fd_imported_label *given) {
    struct fd_staged_label label = {.file = file, .line = line};
    label.row = (fd_label_row){.preference = given->preference,
                               .duration_ms = given->duration_ms,
                               .created_ms = given->created_ms < 0 ? fd_wall_milliseconds()
                                                                   : given->created_ms};
    int r = fd_staged_own_text(block, given->id, &label.row.id);
    if (r == 0)
        r = fd_staged_own_text(block, given->a, &label.a);
    if (r == 0)
        r = fd_staged_own_text(block, given->b, &label.b);
    if (r == 0)
        r = fd_staged_own_text(block, given->annotator, &label.row.annotator);
    if (r == 0)
        r = fd_staged_own_text(block, given->comment, &label.row.comment);
    if (r == 0)
        r = fd_array_reserve(&block->labels, &block->labels_room, block->n_labels + 1,
                             sizeof(*block->labels));
    if (r == 0)
        block->labels[block->n_labels++] = label;
    return r;
}

static int keep_vectors(fd_import_block *block, const fd_imported_row *row) {
    int r = 0;
    for (size_t i = 0; i < row->n_items && r == 0; i++)
        if (row->items[i].is_embedding)
            r = fd_import_vectors_keep(block->place.vectors, &row->items[i].row);
    return r;
}

/* Items first, each of which the next one may repeat. A refused row leaves nothing behind: either
 * its one item is refused, or all of them are known by their texts and were looked at before. */
static int stage(fd_import_block *block, size_t file, const fd_imported_row *row) {
    int r = check_labels(block, file, row);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < row->n_items && r == 0; i++) {
            fd_imported_item item = row->items[i];
            presence found;
            if (item.is_embedding)
                continue;
            r = check_item(block, file, row->line, &item, &found);
            if (r == 0 && pass == 1)
                r = stage_item(block, &item, found);
        }
    for (size_t i = 0; i < row->n_labels && r == 0; i++)
        r = stage_label(block, file, row->line, &row->labels[i]);
    return r;
}

/* With the embeddings that its items will get. */
static size_t size_of(const fd_import_block *block, const fd_imported_row *row) {
    size_t size = 0, dimension = fd_import_texts_dimension(block->place.texts);
    dimension = dimension > 0 ? dimension : USUAL_DIMENSION;
    for (size_t i = 0; i < row->n_items; i++) {
        const fd_item_row *item = &row->items[i].row;
        size += item->prompt ? strlen(item->prompt) : 0;
        size += item->response ? strlen(item->response) : 0;
        size += item->metadata ? strlen(item->metadata) : 0;
        size += (item->embedding ? item->dimension : dimension) * sizeof(float);
    }
    return size;
}

int fd_import_block_add(fd_import_block *block, size_t file, const fd_imported_row *row,
                        fd_fault *fault) {
    size_t size = size_of(block, row);
    bool is_full = block->rows >= BLOCK_ROWS || block->bytes + size > BLOCK_BYTES;
    int r = is_full && block->rows > 0 ? fd_import_block_commit(block, fault) : 0;
    for (size_t i = 0; i < row->n_items && r == 0; i++)
        r = fd_import_report_note(block->place.report, &row->items[i]);
    if (r == 0)
        r = keep_vectors(block, row);
    if (r < 0)
        return r;
    r = stage(block, file, row);
    block->place.report->rows += r == 0;
    block->rows++;
    block->bytes += size;
    return r == -EINVAL ? 0 : r;
}

int fd_import_block_commit(fd_import_block *block, fd_fault *fault) {
    return fd_staged_commit(block, fault);
}
