/* Embeds the texts of imported items, and none that the database has already. */
#include "import_texts.h"

#include <errno.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "clock.h"
#include "embedder.h"
#include "options_for_embedder.h"

struct stored_item {
    char *id;
    uint32_t index;
    UT_hash_handle hh;
};

struct fd_import_texts {
    fd_store *store;
    fd_embedder *embedder;
    struct stored_item *items; /* by id */
    size_t dimension;          /* of the items; 0: there are none */
    bool is_checked;           /* the embedder is the one of the items */
    bool is_stored;            /* the store knows it */
    float *values;             /* of the last rows */
};

static const fd_patience forever;

void fd_import_texts_close(fd_import_texts *texts) {
    struct stored_item *item, *next;
    HASH_ITER(hh, texts->items, item, next) {
        HASH_DEL(texts->items, item);
        free(item->id);
        free(item);
    }
    if (texts->embedder)
        fd_embedder_close(texts->embedder);
    free(texts->values);
    free(texts);
}

/* ---- which items there are ---- */

static int add_item(fd_import_texts *texts, const char *id, uint32_t index) {
    struct stored_item *item;
    HASH_FIND_STR(texts->items, id, item);
    if (item)
        return 0;
    item = calloc(1, sizeof(*item));
    if (!item || !(item->id = strdup(id))) {
        free(item);
        return -ENOMEM;
    }
    item->index = index;
    HASH_ADD_KEYPTR(hh, texts->items, item->id, strlen(item->id), item);
    if (item->hh.tbl)
        return 0;
    free(item->id);
    free(item);
    return -ENOMEM;
}

static int note_stored(void *context, const fd_item_row *row) {
    fd_import_texts *texts = context;
    texts->dimension = row->dimension;
    return add_item(texts, row->id, row->index);
}

int fd_import_texts_note(fd_import_texts *texts, const fd_item_row *rows, const uint32_t *indices,
                         size_t n) {
    int r = 0;
    texts->is_stored |= texts->is_checked;
    if (texts->dimension == 0 && n > 0)
        texts->dimension = rows[0].dimension;
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_item(texts, rows[i].id, indices[i]);
    return r;
}

bool fd_import_texts_has_embedder(const fd_import_texts *texts) {
    return texts->embedder != NULL;
}

size_t fd_import_texts_dimension(const fd_import_texts *texts) {
    return texts->dimension;
}

bool fd_import_texts_find(const fd_import_texts *texts, const char *id, uint32_t *ret_index) {
    struct stored_item *item;
    HASH_FIND_STR(texts->items, id, item);
    if (item)
        *ret_index = item->index;
    return item != NULL;
}

int fd_import_texts_open(const fd_options *options, fd_store *store, bool needs_embedder,
                         fd_import_texts **ret, fd_fault *fault) {
    FD_CLEANUP(fd_import_texts_closep) fd_import_texts *texts = calloc(1, sizeof(*texts));
    if (!texts)
        return -ENOMEM;
    texts->store = store;
    int r = fd_options_open_embedder(options, &texts->embedder, fault);
    if (r == 0 && needs_embedder && !texts->embedder)
        r = fd_fault_set(fault, -EINVAL, "",
                         "--embeddings FILE.npy is needed, or the option embedding-url");
    if (r == 0)
        r = store->operations->items_read(store, 0, SIZE_MAX, false, note_stored, texts);
    if (r < 0)
        return r;
    *ret = FD_STEAL(texts);
    return 0;
}

/* ---- the embedder of the items ---- */

struct comparison {
    fd_import_texts *texts;
    const fd_embedder_identity *embedder;
    fd_fault *fault;
};

static int compare(void *context, const fd_embedder_row *row) {
    const struct comparison *comparison = context;
    const fd_embedder_identity stored = {
        .name = row->name,
        .template = row->template,
        .dimension = row->dimension,
        .n_probes = row->n_probes,
        .probes = row->probes,
    };
    fd_import_texts *texts = comparison->texts;
    if (texts->dimension == 0)
        return 0; /* there are no items yet: it may be replaced */
    texts->is_stored = true;
    return fd_embedder_compare(comparison->embedder, &stored, comparison->fault);
}

static int check_embedder(fd_import_texts *texts, fd_fault *fault) {
    fd_embedder_identity embedder;
    if (texts->is_checked)
        return 0;
    int r = fd_embedder_identify(texts->embedder, &forever, &embedder, fault);
    struct comparison comparison = {texts, &embedder, fault};
    if (r == 0)
        r = texts->store->operations->embedder_read(texts->store, compare, &comparison);
    if (r == 0 && texts->dimension != 0 && texts->dimension != embedder.dimension)
        r = fd_fault_set(fault, -EINVAL, "",
                         "the embedder \"%.80s\" gives %zu numbers; the items of the database have "
                         "%zu",
                         embedder.name, embedder.dimension, texts->dimension);
    if (r < 0)
        return r;
    texts->dimension = embedder.dimension;
    texts->is_checked = true;
    return 0;
}

int fd_import_texts_store(fd_import_texts *texts) {
    fd_embedder_identity embedder;
    fd_fault unused = {0};
    if (!texts->is_checked || texts->is_stored)
        return 0;
    int r = fd_embedder_identify(texts->embedder, &forever, &embedder, &unused);
    const fd_embedder_row row = {
        .name = embedder.name,
        .template = embedder.template,
        .dimension = embedder.dimension,
        .n_probes = embedder.n_probes,
        .probes = embedder.probes,
        .created_ms = fd_wall_milliseconds(),
    };
    return r < 0 ? r : texts->store->operations->embedder_write(texts->store, &row);
}

/* ---- embedding ---- */

static int copy_numbers(void *context, const fd_item_row *row) {
    memcpy(context, row->embedding, row->dimension * sizeof(float));
    return 0;
}

/* Reads the embeddings of rows that are stored, and lists the places of the others. */
static int sort_out(fd_import_texts *texts, const fd_item_row *rows, size_t n, size_t *missing,
                    size_t *ret_missing, size_t *ret_place, fd_fault *fault) {
    *ret_missing = 0;
    for (size_t i = 0; i < n; i++) {
        struct stored_item *item;
        HASH_FIND_STR(texts->items, rows[i].id, item);
        *ret_place = i;
        if (!item && (!rows[i].response || rows[i].response[0] == '\0'))
            return fd_fault_set(fault, -EINVAL, "", "it has no \"response\" to embed");
        if (!item)
            missing[(*ret_missing)++] = i;
    }
    *ret_place = SIZE_MAX;
    return 0;
}

static int read_stored(fd_import_texts *texts, const fd_item_row *rows, size_t n) {
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct stored_item *item;
        HASH_FIND_STR(texts->items, rows[i].id, item);
        if (item)
            r = texts->store->operations->items_read(texts->store, item->index, 1, true,
                                                     copy_numbers,
                                                     texts->values + i * texts->dimension);
    }
    return r;
}

static int embed_missing(fd_import_texts *texts, const fd_item_row *rows, const size_t *missing,
                         size_t n, fd_fault *fault) {
    FD_FREE fd_embedder_texts *given = calloc(n, sizeof(*given));
    fd_vectors vectors = {0};
    if (!given)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        given[i] = (fd_embedder_texts){rows[missing[i]].prompt, rows[missing[i]].response};
    int r = fd_embedder_embed(texts->embedder, given, n, &forever, &vectors, fault);
    FD_FREE float *values = vectors.values;
    for (size_t i = 0; i < n && r == 0; i++)
        memcpy(texts->values + missing[i] * texts->dimension, values + i * texts->dimension,
               texts->dimension * sizeof(float));
    return r;
}

int fd_import_texts_embed(fd_import_texts *texts, fd_item_row *rows, size_t n, size_t *ret_place,
                          fd_fault *fault) {
    FD_FREE size_t *missing = calloc(n ? n : 1, sizeof(*missing));
    size_t n_missing;
    if (!missing)
        return -ENOMEM;
    int r = sort_out(texts, rows, n, missing, &n_missing, ret_place, fault);
    if (r == 0 && n_missing > 0)
        r = check_embedder(texts, fault);
    if (r < 0)
        return r;
    free(texts->values);
    texts->values = calloc(n ? n : 1, texts->dimension * sizeof(float));
    if (!texts->values)
        return -ENOMEM;
    r = read_stored(texts, rows, n);
    if (r == 0 && n_missing > 0)
        r = embed_missing(texts, rows, missing, n_missing, fault);
    for (size_t i = 0; i < n; i++) {
        rows[i].embedding = texts->values + i * texts->dimension;
        rows[i].dimension = texts->dimension;
    }
    return r;
}
