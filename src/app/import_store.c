/* Commits a block of an import: embeds, then adds items, scores and labels in one transaction. */
#include "import_store.h"

#include <errno.h>
#include <string.h>

#include "import_staged.h"
#include "item_text_features.h"

/* Embeds those of the rows [n_items] that have no embedding; `missing` [n_items] is for their
 * copies.
 */
static int embed(fd_import_block *block, fd_item_row *rows, fd_item_row *missing, fd_fault *fault) {
    size_t n = 0, place, next = 0;
    for (size_t i = 0; i < block->n_items; i++)
        if (!rows[i].embedding)
            missing[n++] = rows[i];
    int r = n > 0 ? fd_import_texts_embed(block->place.texts, missing, n, &place, fault) : 0;
    for (size_t i = 0; i < block->n_items && r == 0; i++) {
        const fd_item_row *made = &missing[next];
        if (rows[i].embedding)
            continue;
        rows[i].embedding = made->embedding;
        rows[i].dimension = made->dimension;
        next++;
    }
    for (size_t i = 1; i < block->n_items && r == 0; i++)
        if (rows[i].dimension != rows[0].dimension)
            r = fd_fault_set(fault, -EINVAL, "",
                             "some items have embeddings of %zu numbers, and others of %zu",
                             rows[0].dimension, rows[i].dimension);
    return r;
}

/* The indices of new items are in the staged rows. */
static uint32_t index_of(const fd_import_block *block, const char *id) {
    struct fd_staged_item *staged;
    uint32_t index = UINT32_MAX;
    HASH_FIND_STR(block->by_id, id, staged);
    if (staged)
        return staged->row.index;
    (void)fd_import_texts_find(block->place.texts, id, &index);
    return index;
}

static int store_scores(fd_import_block *block, const fd_item_row *rows, const uint32_t *indices,
                        fd_fault *fault) {
    const fd_import_place *place = &block->place;
    size_t at;
    int r = fd_import_scores_store(place->scores, place->store, rows, indices, block->n_items, &at,
                                   fault);
    for (size_t i = 0; i < block->n_known && r == 0; i++) {
        const fd_item_row *row = &block->known[i]->row;
        uint32_t index = index_of(block, row->id);
        r = fd_import_scores_store(place->scores, place->store, row, &index, 1, &at, fault);
    }
    return r;
}

static void refuse_label(fd_import_block *block, const struct fd_staged_label *label) {
    block->place.report->rows--;
    (void)fd_staged_refuse(block, label->file, label->line, "id",
                           "is that of a label with other content");
}

/* A label under the same id that differs from the stored one: in what it says, or only in what an
 * export does not tell, such as the assignment, or in a correction that both have. */
static int settle_conflict(fd_import_block *block, const struct fd_staged_label *label) {
    int r = fd_known_labels_read(&block->known_labels, block->place.store);
    if (r == 0)
        r = fd_known_labels_compare(&block->known_labels, &label->row);
    if (r == 0)
        block->place.report->labels.unchanged++;
    if (r != -EEXIST && r != -ENOENT)
        return r;
    refuse_label(block, label);
    return 0;
}

/* One by one, so that one that exists with other content is refused alone. */
static int store_labels(fd_import_block *block) {
    fd_store *store = block->place.store;
    fd_report_count *count = &block->place.report->labels;
    int r = 0;
    for (size_t i = 0; i < block->n_labels && r == 0; i++) {
        struct fd_staged_label *label = &block->labels[i];
        fd_added added = {0};
        int64_t sequence;
        label->row.item_a = index_of(block, label->a);
        label->row.item_b = index_of(block, label->b);
        r = store->operations->labels_add(store, &label->row, 1, &sequence, &added);
        if (r == -EEXIST)
            r = settle_conflict(block, label);
        else if (r == 0) {
            count->created += added.created;
            count->unchanged += added.unchanged;
        }
    }
    return r;
}

static int store_items(fd_import_block *block, fd_item_row *rows, uint32_t *indices,
                       fd_fault *fault) {
    fd_store *store = block->place.store;
    fd_added added = {0};
    FD_FREE float *counted = NULL;
    int r = fd_text_features_count(rows, block->n_items, &counted);
    if (r == 0)
        r = store->operations->items_add(store, rows, block->n_items, indices, &added);
    for (size_t i = 0; i < block->n_items && r == 0; i++)
        block->items[i]->row.index = indices[i];
    if (r == 0)
        r = store_scores(block, rows, indices, fault);
    block->place.report->items.created += r == 0 ? added.created : 0;
    return r;
}

static int store_block(fd_import_block *block, fd_item_row *rows, uint32_t *indices,
                       fd_fault *fault) {
    fd_store *store = block->place.store;
    fd_import_report *report = block->place.report;
    const fd_report_count items = report->items, labels = report->labels;
    int r = store->operations->begin(store);
    if (r < 0)
        return r;
    r = fd_import_texts_store(block->place.texts);
    if (r == 0)
        r = store_items(block, rows, indices, fault);
    if (r == 0)
        r = store_labels(block);
    if (r == 0)
        r = store->operations->commit(store);
    if (r < 0) {
        store->operations->rollback(store);
        report->items = items;
        report->labels = labels;
    }
    return r;
}

static int count_dry(fd_import_block *block, uint32_t *indices) {
    fd_import_report *report = block->place.report;
    int r = 0;
    for (size_t i = 0; i < block->n_items; i++)
        indices[i] = block->items[i]->row.index = UINT32_MAX;
    report->items.created += block->n_items;
    for (size_t i = 0; i < block->n_labels && r == 0; i++) {
        struct fd_staged_label *label = &block->labels[i];
        label->row.item_a = index_of(block, label->a);
        label->row.item_b = index_of(block, label->b);
        int found = fd_known_labels_compare(&block->known_labels, &label->row);
        if (found == -EEXIST)
            refuse_label(block, label);
        else if (found == -ENOENT)
            r = fd_known_labels_note(&block->known_labels, &label->row);
        report->labels.created += found == -ENOENT;
        report->labels.unchanged += found == 0;
    }
    return r;
}

int fd_staged_commit(fd_import_block *block, fd_fault *fault) {
    size_t room = block->n_items ? block->n_items : 1;
    FD_FREE fd_item_row *rows = calloc(room, sizeof(*rows));
    FD_FREE fd_item_row *missing = calloc(room, sizeof(*missing));
    FD_FREE uint32_t *indices = calloc(room, sizeof(*indices));
    if (!rows || !missing || !indices)
        return -ENOMEM;
    for (size_t i = 0; i < block->n_items; i++)
        rows[i] = block->items[i]->row;
    int r = 0;
    if (block->place.is_dry)
        r = count_dry(block, indices);
    else
        r = embed(block, rows, missing, fault);
    if (r == 0 && !block->place.is_dry)
        r = store_block(block, rows, indices, fault);
    if (r == 0)
        r = fd_import_texts_note(block->place.texts, rows, indices, block->n_items);
    if (r == 0)
        fd_staged_empty(block);
    return r;
}
