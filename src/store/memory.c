/*
 * Rows in memory, with the rules of the database: what is written is seen by readers once it is
 * committed. A row is one allocation and never changes, so that a reader needs the lock only to
 * fetch its address.
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "fair_lock.h"
#include "memory_models.h"

struct memory_item {
    fd_item_row row;
    UT_hash_handle hh;
};

struct memory_label {
    fd_label_row row;
    struct memory_label *first;  /* revision 0, which the hash table has */
    struct memory_label *newest; /* of revision 0; the writer's */
    struct memory_label *before; /* the revision before; NULL of revision 0 */
    UT_hash_handle hh;
};

/* Rows in the order of their arrival. */
struct table {
    void **rows; /* moved under the lock */
    size_t capacity;
    size_t count;     /* the writer's */
    size_t committed; /* guarded by the lock */
};

struct memory_store {
    fd_store store;
    bool in_transaction; /* the writer's, as are the hash tables */
    struct memory_item *item_by_id;
    struct memory_label *label_by_id; /* revisions 0 */
    pthread_rwlock_t lock;
    size_t label_ids; /* committed; guarded by the lock */
    struct table items;
    struct table labels;
    fd_memory_models models;
};

/* ---- rows ---- */

/* Bytes of an allocation, measured first (`at` is NULL) and then filled. */
struct packing {
    char *at;
    size_t size;
};

static const void *pack(struct packing *packing, const void *bytes, size_t size) {
    packing->size += size;
    if (!packing->at || !bytes)
        return NULL;
    void *copy = memcpy(packing->at, bytes, size);
    packing->at += size;
    return copy;
}

static const char *pack_text(struct packing *packing, const char *text) {
    return text ? pack(packing, text, strlen(text) + 1) : NULL;
}

/* The numbers go first, where they are aligned. */
static void pack_item(struct packing *packing, const fd_item_row *from, fd_item_row *to) {
    fd_item_row row = *from;
    row.embedding = pack(packing, from->embedding, from->dimension * sizeof(*from->embedding));
    row.id = pack_text(packing, from->id);
    row.prompt_id = pack_text(packing, from->prompt_id);
    row.prompt = pack_text(packing, from->prompt);
    row.response = pack_text(packing, from->response);
    row.metadata = pack_text(packing, from->metadata);
    *to = row;
}

static void pack_label(struct packing *packing, const fd_label_row *from, fd_label_row *to) {
    fd_label_row row = *from;
    row.id = pack_text(packing, from->id);
    row.annotator = pack_text(packing, from->annotator);
    row.assignment = pack_text(packing, from->assignment);
    row.comment = pack_text(packing, from->comment);
    *to = row;
}

/* struct memory_WHAT from a row, in one allocation; NULL without memory. */
#define DEFINE_NEW(what)                                                                           \
    static struct memory_##what *what##_new(const fd_##what##_row *row) {                          \
        fd_##what##_row unused;                                                                    \
        struct packing packing = {0};                                                              \
        pack_##what(&packing, row, &unused);                                                       \
        struct memory_##what *copy = calloc(1, sizeof(*copy) + packing.size);                      \
        if (!copy)                                                                                 \
            return NULL;                                                                           \
        packing.at = (char *)(copy + 1);                                                           \
        pack_##what(&packing, row, &copy->row);                                                    \
        return copy;                                                                               \
    }
DEFINE_NEW(item)
DEFINE_NEW(label)

static bool same_text(const char *a, const char *b) {
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_item(const fd_item_row *a, const fd_item_row *b) {
    return same_text(a->prompt_id, b->prompt_id) && same_text(a->prompt, b->prompt) &&
           same_text(a->response, b->response) && same_text(a->metadata, b->metadata) &&
           a->dimension == b->dimension &&
           memcmp(a->embedding, b->embedding, a->dimension * sizeof(*a->embedding)) == 0;
}

static bool same_label(const fd_label_row *a, const fd_label_row *b) {
    return a->item_a == b->item_a && a->item_b == b->item_b && a->preference == b->preference &&
           same_text(a->annotator, b->annotator) && same_text(a->assignment, b->assignment) &&
           a->duration_ms == b->duration_ms && same_text(a->comment, b->comment);
}

/* ---- tables ---- */

static int table_reserve(struct memory_store *memory, struct table *table) {
    if (table->count < table->capacity)
        return 0;
    size_t capacity = table->capacity ? 2 * table->capacity : 64;
    (void)pthread_rwlock_wrlock(&memory->lock);
    void **rows = reallocarray(table->rows, capacity, sizeof(*rows));
    if (rows) {
        table->rows = rows;
        table->capacity = capacity;
    }
    (void)pthread_rwlock_unlock(&memory->lock);
    return rows ? 0 : -ENOMEM;
}

/* A committed row, or NULL beyond them. */
static const void *table_at(struct memory_store *memory, const struct table *table, size_t i) {
    (void)pthread_rwlock_rdlock(&memory->lock);
    const void *row = i < table->committed ? table->rows[i] : NULL;
    (void)pthread_rwlock_unlock(&memory->lock);
    return row;
}

static void drop_items(struct memory_store *memory, size_t keep) {
    while (memory->items.count > keep) {
        struct memory_item *item = memory->items.rows[--memory->items.count];
        assert(memory->item_by_id);
        HASH_DEL(memory->item_by_id, item);
        free(item);
    }
}

static void drop_labels(struct memory_store *memory, size_t keep) {
    while (memory->labels.count > keep) {
        struct memory_label *label = memory->labels.rows[--memory->labels.count];
        if (label->before)
            label->first->newest = label->before;
        else {
            assert(memory->label_by_id);
            HASH_DEL(memory->label_by_id, label);
        }
        free(label);
    }
}

/* ---- writing ---- */

static int memory_begin(fd_store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(!memory->in_transaction);
    memory->in_transaction = true;
    return 0;
}

static int memory_commit(fd_store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    (void)pthread_rwlock_wrlock(&memory->lock);
    memory->items.committed = memory->items.count;
    memory->labels.committed = memory->labels.count;
    memory->label_ids = HASH_COUNT(memory->label_by_id);
    (void)pthread_rwlock_unlock(&memory->lock);
    fd_memory_models_commit(&memory->models);
    memory->in_transaction = false;
    return 0;
}

static void memory_rollback(fd_store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    drop_items(memory, memory->items.committed);
    drop_labels(memory, memory->labels.committed);
    fd_memory_models_rollback(&memory->models);
    memory->in_transaction = false;
}

static int memory_probe(fd_store *store) {
    (void)store;
    return 0;
}

static int item_add(struct memory_store *memory, const fd_item_row *row, uint32_t *ret_index,
                    fd_added *added) {
    struct memory_item *item;
    HASH_FIND_STR(memory->item_by_id, row->id, item);
    if (item) {
        if (!same_item(&item->row, row))
            return -EEXIST;
        added->unchanged++;
        *ret_index = item->row.index;
        return 0;
    }
    int r = table_reserve(memory, &memory->items);
    if (r < 0)
        return r;
    item = item_new(row);
    if (!item)
        return -ENOMEM;
    item->row.index = (uint32_t)memory->items.count;
    HASH_ADD_KEYPTR(hh, memory->item_by_id, item->row.id, strlen(item->row.id), item);
    if (!item->hh.tbl) {
        free(item);
        return -ENOMEM;
    }
    memory->items.rows[memory->items.count++] = item;
    added->created++;
    *ret_index = item->row.index;
    return 0;
}

static int memory_items_add(fd_store *store, const fd_item_row *rows, size_t n, uint32_t *indices,
                            fd_added *ret) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    size_t before = memory->items.count;
    *ret = (fd_added){0};
    for (size_t i = 0; i < n; i++) {
        int r = item_add(memory, &rows[i], &indices[i], ret);
        if (r < 0) {
            drop_items(memory, before);
            *ret = (fd_added){.conflict = i};
            return r;
        }
    }
    return 0;
}

static int label_add(struct memory_store *memory, const fd_label_row *row, int64_t *ret_sequence,
                     fd_added *added) {
    if (row->item_a == row->item_b)
        return -EINVAL;
    struct memory_label *label;
    HASH_FIND_STR(memory->label_by_id, row->id, label);
    if (label) {
        if (!same_label(&label->row, row))
            return -EEXIST;
        added->unchanged++;
        *ret_sequence = 0;
        return 0;
    }
    if (row->item_a >= memory->items.count || row->item_b >= memory->items.count)
        return -EINVAL;
    int r = table_reserve(memory, &memory->labels);
    if (r < 0)
        return r;
    label = label_new(row);
    if (!label)
        return -ENOMEM;
    label->row.sequence = (int64_t)memory->labels.count + 1;
    label->row.original = label->row.sequence;
    label->row.revision = 0;
    label->first = label->newest = label;
    HASH_ADD_KEYPTR(hh, memory->label_by_id, label->row.id, strlen(label->row.id), label);
    if (!label->hh.tbl) {
        free(label);
        return -ENOMEM;
    }
    memory->labels.rows[memory->labels.count++] = label;
    added->created++;
    *ret_sequence = label->row.sequence;
    return 0;
}

static int memory_labels_add(fd_store *store, const fd_label_row *rows, size_t n,
                             int64_t *sequences, fd_added *ret) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    size_t before = memory->labels.count;
    *ret = (fd_added){0};
    for (size_t i = 0; i < n; i++) {
        int r = label_add(memory, &rows[i], &sequences[i], ret);
        if (r < 0) {
            drop_labels(memory, before);
            *ret = (fd_added){.conflict = i};
            return r;
        }
    }
    return 0;
}

static int memory_label_revise(fd_store *store, const fd_label_change *change,
                               fd_label_changed *ret) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    struct memory_label *first;
    HASH_FIND_STR(memory->label_by_id, change->id, first);
    if (!first || (change->annotator && strcmp(change->annotator, first->row.annotator) != 0))
        return -ENOENT;
    fd_label_row row = first->newest->row;
    *ret = (fd_label_changed){
        .original = first->row.sequence, .revision = row.revision, .before = row.preference};
    row.preference = change->preference;
    if (change->duration_ms >= 0)
        row.duration_ms = change->duration_ms;
    if (change->comment)
        row.comment = change->comment;
    if (same_label(&row, &first->newest->row))
        return 0;
    int r = table_reserve(memory, &memory->labels);
    if (r < 0)
        return r;
    struct memory_label *label = label_new(&row);
    if (!label)
        return -ENOMEM;
    label->row.sequence = (int64_t)memory->labels.count + 1;
    label->row.created_ms = change->created_ms;
    ret->revision = ++label->row.revision;
    ret->changed = true;
    label->first = first;
    label->before = first->newest;
    first->newest = label;
    memory->labels.rows[memory->labels.count++] = label;
    return 0;
}

static int memory_model_add(fd_store *store, const fd_model_row *row) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    return fd_memory_model_add(&memory->models, row);
}

static int memory_model_activate(fd_store *store, uint64_t version) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    return fd_memory_model_activate(&memory->models, version);
}

static int memory_models_prune(fd_store *store, size_t keep, uint64_t spare, size_t *ret_deleted) {
    struct memory_store *memory = (struct memory_store *)store;
    assert(memory->in_transaction);
    return fd_memory_models_prune(&memory->models, keep, spare, ret_deleted);
}

/* ---- reading ---- */

static int memory_items_read(fd_store *store, uint32_t first, size_t limit, bool embeddings,
                             fd_item_visit *visit, void *context) {
    struct memory_store *memory = (struct memory_store *)store;
    int r = 0;
    for (size_t i = 0; i < limit && r == 0; i++) {
        const struct memory_item *item = table_at(memory, &memory->items, first + i);
        if (!item)
            return 0;
        fd_item_row row = item->row;
        if (!embeddings)
            row.embedding = NULL;
        r = visit(context, &row);
    }
    return r;
}

static int memory_labels_read(fd_store *store, int64_t after, size_t limit, fd_label_visit *visit,
                              void *context) {
    struct memory_store *memory = (struct memory_store *)store;
    size_t first = after > 0 ? (size_t)after : 0;
    int r = 0;
    for (size_t i = 0; i < limit && r == 0; i++) {
        const struct memory_label *label = table_at(memory, &memory->labels, first + i);
        if (!label)
            return 0;
        r = visit(context, &label->row);
    }
    return r;
}

static int memory_models_read(fd_store *store, uint64_t highest, size_t limit, bool bytes,
                              fd_model_visit *visit, void *context) {
    struct memory_store *memory = (struct memory_store *)store;
    return fd_memory_models_read(&memory->models, highest, limit, bytes, visit, context);
}

static int memory_counts(fd_store *store, fd_counts *ret) {
    struct memory_store *memory = (struct memory_store *)store;
    (void)pthread_rwlock_rdlock(&memory->lock);
    *ret = (fd_counts){
        .items = memory->items.committed,
        .labels = memory->label_ids,
        .label_rows = memory->labels.committed,
        .models = fd_memory_models_count(&memory->models),
    };
    (void)pthread_rwlock_unlock(&memory->lock);
    return 0;
}

static uint64_t memory_log_bytes(fd_store *store) {
    (void)store;
    return 0;
}

static int memory_check(fd_store *store, fd_finding_visit *visit, void *context) {
    (void)store;
    (void)visit;
    (void)context;
    return 0;
}

static int memory_back_up(fd_store *store, const char *to, bool (*go_on)(void *context),
                          void *context, fd_backup *ret, fd_fault *fault) {
    (void)store;
    (void)go_on;
    (void)context;
    (void)ret;
    return fd_fault_set(fault, -EOPNOTSUPP, "", "what is in memory cannot be copied to %s", to);
}

/* ---- life ---- */

static void memory_close(fd_store *store) {
    struct memory_store *memory = (struct memory_store *)store;
    /* All at once: one after another, the hash tables would be searched for each. */
    HASH_CLEAR(hh, memory->item_by_id);
    HASH_CLEAR(hh, memory->label_by_id);
    struct table *const tables[] = {&memory->items, &memory->labels};
    for (size_t i = 0; i < FD_LENGTH(tables); i++) {
        for (size_t row = 0; row < tables[i]->count; row++)
            free(tables[i]->rows[row]);
        free(tables[i]->rows);
    }
    fd_memory_models_clear(&memory->models);
    (void)pthread_rwlock_destroy(&memory->lock);
    free(memory);
}

static const fd_store_operations memory_operations = {
    .begin = memory_begin,
    .commit = memory_commit,
    .rollback = memory_rollback,
    .probe = memory_probe,
    .items_add = memory_items_add,
    .labels_add = memory_labels_add,
    .label_revise = memory_label_revise,
    .model_add = memory_model_add,
    .model_activate = memory_model_activate,
    .models_prune = memory_models_prune,
    .items_read = memory_items_read,
    .labels_read = memory_labels_read,
    .models_read = memory_models_read,
    .counts = memory_counts,
    .log_bytes = memory_log_bytes,
    .check = memory_check,
    .back_up = memory_back_up,
    .close = memory_close,
};

int fd_store_open_memory(fd_store **ret) {
    struct memory_store *memory = calloc(1, sizeof(*memory));
    if (!memory)
        return -ENOMEM;
    memory->store.operations = &memory_operations;
    fd_memory_models_init(&memory->models);
    fd_fair_lock_init(&memory->lock);
    *ret = &memory->store;
    return 0;
}
