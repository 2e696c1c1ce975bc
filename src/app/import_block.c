/* Gathers rows of an import and commits them block by block. */
#include "import_block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "array.h"
#include "clock.h"
#include "item_rules.h"
#include "item_text_features.h"

enum {
    BLOCK_BYTES = 8 << 20,
    BLOCK_ROWS = 2000,
    USUAL_DIMENSION = 1024, /* of embeddings that are not made yet, as long as it is not known */
};

/* A new item, or new scores of one that is there already. */
struct staged_item {
    fd_item_row row;
    bool by_texts;
    UT_hash_handle hh; /* of a new item, by id */
};

/* An id of a label that is there, or would be after a dry run. */
struct label_id {
    char *id;
    UT_hash_handle hh;
};

struct staged_label {
    fd_label_row row;
    const char *a;
    const char *b;
    size_t file;
    size_t line;
};

struct fd_import_block {
    fd_import_place place;
    struct staged_item **items; /* [n_items], new ones */
    size_t n_items, items_room;
    struct staged_item **known; /* [n_known], that are there already and have scores */
    size_t n_known, known_room;
    struct staged_item *by_id; /* the new ones */
    struct staged_label *labels;
    size_t n_labels, labels_room;
    struct label_id *label_ids; /* of a dry run */
    void **owned;
    size_t n_owned, owned_room;
    size_t bytes;
    size_t rows;
};

/* Returns 1 for a new one, 0 for one that is there. */
static int note_label_id(fd_import_block *block, const char *id) {
    struct label_id *label;
    HASH_FIND_STR(block->label_ids, id, label);
    if (label)
        return 0;
    label = calloc(1, sizeof(*label));
    if (!label || !(label->id = strdup(id))) {
        free(label);
        return -ENOMEM;
    }
    HASH_ADD_KEYPTR(hh, block->label_ids, label->id, strlen(label->id), label);
    if (label->hh.tbl)
        return 1;
    free(label->id);
    free(label);
    return -ENOMEM;
}

static int visit_label(void *context, const fd_label_row *row) {
    int r = note_label_id(context, row->id);
    return r < 0 ? r : 0;
}

int fd_import_block_open(const fd_import_place *place, fd_import_block **ret) {
    FD_CLEANUP(fd_import_block_closep) fd_import_block *block = calloc(1, sizeof(*block));
    if (!block)
        return -ENOMEM;
    block->place = *place;
    int r = place->is_dry ? place->store->operations->labels_read(place->store, 0, SIZE_MAX,
                                                                  visit_label, block)
                          : 0;
    if (r == 0)
        *ret = FD_STEAL(block);
    return r;
}

static void empty(fd_import_block *block) {
    HASH_CLEAR(hh, block->by_id);
    for (size_t i = 0; i < block->n_owned; i++)
        free(block->owned[i]);
    block->n_items = block->n_known = block->n_labels = block->n_owned = 0;
    block->bytes = block->rows = 0;
}

void fd_import_block_close(fd_import_block *block) {
    struct label_id *label, *next;
    HASH_ITER(hh, block->label_ids, label, next) {
        HASH_DEL(block->label_ids, label);
        free(label->id);
        free(label);
    }
    empty(block);
    free(block->items);
    free(block->known);
    free(block->labels);
    free(block->owned);
    free(block);
}

/* ---- copies ---- */

static int own(fd_import_block *block, const void *bytes, size_t size, void *ret) {
    void *copy = malloc(size ? size : 1);
    int r = copy ? fd_array_reserve(&block->owned, &block->owned_room, block->n_owned + 1,
                                    sizeof(*block->owned))
                 : -ENOMEM;
    if (r < 0) {
        free(copy);
        return r;
    }
    memcpy(copy, bytes, size);
    block->owned[block->n_owned++] = copy;
    memcpy(ret, &copy, sizeof(copy));
    return 0;
}

static int own_text(fd_import_block *block, const char *text, const char **ret) {
    *ret = NULL;
    return text ? own(block, text, strlen(text) + 1, ret) : 0;
}

static int own_scores(fd_import_block *block, const fd_item_row *given, fd_item_row *ret) {
    fd_item_score *scores;
    ret->scores = NULL;
    if (given->n_scores == 0)
        return 0;
    int r = own(block, given->scores, given->n_scores * sizeof(*scores), &scores);
    for (size_t i = 0; i < given->n_scores && r == 0; i++)
        r = own_text(block, given->scores[i].name, &scores[i].name);
    ret->scores = scores;
    return r;
}

static int copy_item(fd_import_block *block, const fd_imported_item *given,
                     struct staged_item **ret) {
    const fd_item_row *from = &given->row;
    struct staged_item item = {.row = *from, .by_texts = given->by_texts};
    item.row.created_ms = fd_wall_milliseconds();
    int r = own_text(block, from->id, &item.row.id);
    if (r == 0)
        r = own_text(block, from->prompt_id, &item.row.prompt_id);
    if (r == 0)
        r = own_text(block, from->prompt, &item.row.prompt);
    if (r == 0)
        r = own_text(block, from->response, &item.row.response);
    if (r == 0)
        r = own_text(block, from->metadata, &item.row.metadata);
    if (r == 0)
        r = own_scores(block, from, &item.row);
    if (r == 0 && from->embedding)
        r = own(block, from->embedding, from->dimension * sizeof(float), &item.row.embedding);
    return r < 0 ? r : own(block, &item, sizeof(item), ret);
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
    struct staged_item *staged;
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

/* ---- refusing ---- */

static int refuse(const fd_import_block *block, size_t file, size_t line, const char *member,
                  const char *reason) {
    char pointer[80] = "";
    if (member)
        (void)snprintf(pointer, sizeof(pointer), "/%s", member);
    fd_import_report_refuse(
        block->place.report, file,
        &(fd_import_refusal){.line = line, .pointer = pointer, .reason = reason});
    return -EINVAL;
}

static bool has_item(const fd_import_block *block, const fd_imported_row *row, const char *id) {
    struct staged_item *staged;
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
        return refuse(block, file, line, "embedding", reason);
    }
    if (row->embedding)
        return 0;
    if (!row->response || row->response[0] == '\0')
        return refuse(block, file, line, "response", "is needed to make an embedding of");
    if (!fd_import_texts_has_embedder(block->place.texts))
        return refuse(block, file, line, "embedding",
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
        return refuse(block, file, line, member, why);
    int r = find_item(block, item, ret);
    if (r == 0 && *ret == OTHER)
        return refuse(block, file, line, "id", "exists already with other content");
    return r == 0 && *ret == NEW ? check_embedding(block, file, line, &item->row) : r;
}

static int check_labels(const fd_import_block *block, size_t file, const fd_imported_row *row) {
    for (size_t i = 0; i < row->n_labels; i++) {
        const fd_imported_label *label = &row->labels[i];
        const char *missing = !has_item(block, row, label->a)   ? "a"
                              : !has_item(block, row, label->b) ? "b"
                                                                : NULL;
        if (missing)
            return refuse(block, file, row->line, missing, "names an item that does not exist");
    }
    return 0;
}

/* ---- staging ---- */

static int stage_item(fd_import_block *block, const fd_imported_item *item, presence found) {
    struct staged_item *staged;
    block->place.report->items.unchanged += found == THERE;
    if (found == THERE && item->row.n_scores == 0)
        return 0;
    int r = copy_item(block, item, &staged);
    if (r == 0 && found == THERE)
        r = fd_array_reserve(&block->known, &block->known_room, block->n_known + 1,
                             sizeof(struct staged_item *));
    else if (r == 0)
        r = fd_array_reserve(&block->items, &block->items_room, block->n_items + 1,
                             sizeof(struct staged_item *));
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
    struct staged_label label = {.file = file, .line = line};
    label.row = (fd_label_row){.preference = given->preference,
                               .duration_ms = given->duration_ms,
                               .created_ms = given->created_ms < 0 ? fd_wall_milliseconds()
                                                                   : given->created_ms};
    int r = own_text(block, given->id, &label.row.id);
    if (r == 0)
        r = own_text(block, given->a, &label.a);
    if (r == 0)
        r = own_text(block, given->b, &label.b);
    if (r == 0)
        r = own_text(block, given->annotator, &label.row.annotator);
    if (r == 0)
        r = own_text(block, given->comment, &label.row.comment);
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

/* ---- committing ---- */

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
    struct staged_item *staged;
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

/* One by one, so that one that exists with other content is refused alone. */
static int store_labels(fd_import_block *block) {
    fd_store *store = block->place.store;
    fd_report_count *count = &block->place.report->labels;
    for (size_t i = 0; i < block->n_labels; i++) {
        struct staged_label *label = &block->labels[i];
        fd_added added;
        int64_t sequence;
        label->row.item_a = index_of(block, label->a);
        label->row.item_b = index_of(block, label->b);
        int r = store->operations->labels_add(store, &label->row, 1, &sequence, &added);
        if (r == -EEXIST) {
            block->place.report->rows--;
            (void)refuse(block, label->file, label->line, "id",
                         "is that of a label with other content");
            continue;
        }
        if (r < 0)
            return r;
        count->created += added.created;
        count->unchanged += added.unchanged;
    }
    return 0;
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
    for (size_t i = 0; i < block->n_items; i++)
        indices[i] = UINT32_MAX;
    report->items.created += block->n_items;
    for (size_t i = 0; i < block->n_labels; i++) {
        int r = note_label_id(block, block->labels[i].row.id);
        if (r < 0)
            return r;
        report->labels.created += r == 1;
        report->labels.unchanged += r == 0;
    }
    return 0;
}

int fd_import_block_commit(fd_import_block *block, fd_fault *fault) {
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
        empty(block);
    return r;
}
