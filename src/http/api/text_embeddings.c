/* Gives texts of a request to the embedder, and its vectors to the items. */
#include "text_embeddings.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "embedder_record.h"
#include "items.h"

/* Bytes beside the vectors for each number that the embedder gives: its text, and the JSON. */
enum { NUMBER_MEMORY = 64, TEXT_COPIES = 4 };

static int take_memory(const fd_request *request, const fd_wanted_embedding *wanted, size_t n,
                       size_t dimension, fd_fault *fault) {
    size_t bytes = n * dimension * (NUMBER_MEMORY + 3 * sizeof(float));
    for (size_t i = 0; i < n; i++) {
        const fd_embedder_texts *texts = &wanted[i].texts;
        bytes += TEXT_COPIES * ((texts->prompt ? strlen(texts->prompt) : 0) +
                                (texts->response ? strlen(texts->response) : 0));
    }
    return fd_request_take_memory(request, bytes, fault);
}

static int store_embedder(fd_engine *engine, const fd_embedder_identity *embedder,
                          fd_fault *fault) {
    const fd_embedder_row row = {
        .name = embedder->name,
        .template = embedder->template,
        .dimension = embedder->dimension,
        .n_probes = FD_EMBEDDER_PROBES,
        .probes = embedder->probes,
    };
    return fd_engine_embedder_set(engine, &row, fault);
}

/* Vectors of two embedders mean nothing to each other. */
static int check_embedder(fd_engine *engine, const fd_embedder_identity *embedder, bool are_new,
                          fd_fault *fault) {
    FD_FREE fd_embedder_row *row = NULL;
    fd_fault unset = {0};
    int r = fd_engine_embedder(engine, &row);
    if (r < 0)
        return r;
    if (!row) { /* another request may set it meanwhile, to the same */
        r = are_new ? store_embedder(engine, embedder, fault) : 0;
        return r == -EEXIST ? 0 : r;
    }
    const fd_embedder_identity stored = {
        .name = row->name,
        .template = row->template,
        .dimension = row->dimension,
        .n_probes = row->n_probes,
        .probes = row->probes,
    };
    r = fd_embedder_compare(embedder, &stored, fault);
    if (r == -EEXIST && are_new && store_embedder(engine, embedder, &unset) == 0) {
        *fault = (fd_fault){0}; /* there were no items yet */
        r = 0;
    }
    return r;
}

int fd_text_embeddings_identify(fd_engine *engine, fd_embedder *embedder,
                                const fd_patience *patience, bool are_new,
                                fd_embedder_identity *ret, fd_fault *fault) {
    int r = fd_embedder_identify(embedder, patience, ret, fault);
    return r < 0 ? r : check_embedder(engine, ret, are_new, fault);
}

/* Gives each item its own copy. */
static int hand_out(const fd_vectors *vectors, const fd_wanted_embedding *wanted, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float *copy = reallocarray(NULL, vectors->dimension, sizeof(*copy));
        if (!copy)
            return -ENOMEM;
        memcpy(copy, vectors->values + i * vectors->dimension, vectors->dimension * sizeof(*copy));
        *wanted[i].numbers = copy;
        *wanted[i].dimension = vectors->dimension;
    }
    return 0;
}

int fd_text_embeddings_make(const fd_request *request, const fd_wanted_embedding *wanted, size_t n,
                            bool are_new, fd_fault *fault) {
    if (n == 0)
        return 0;
    if (n > FD_TEXTS_MAX)
        return fd_fault_set(fault, -EINVAL, "",
                            "%zu items come without an embedding; a request may have %d of them", n,
                            FD_TEXTS_MAX);
    const fd_patience patience = {
        .deadline = fd_monotonic_seconds() + fd_embedder_seconds(request->embedder),
        .go_on = request->is_awaited,
        .context = request->await_context,
    };
    fd_embedder_identity identity;
    int r = fd_text_embeddings_identify(request->engine, request->embedder, &patience, are_new,
                                        &identity, fault);
    if (r == 0)
        r = take_memory(request, wanted, n, identity.dimension, fault);
    if (r < 0)
        return r;
    FD_FREE fd_embedder_texts *texts = calloc(n, sizeof(*texts));
    if (!texts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        texts[i] = wanted[i].texts;
    FD_CLEANUP(fd_vectors_clear) fd_vectors vectors = {0};
    r = fd_embedder_embed(request->embedder, texts, n, &patience, &vectors, fault);
    return r < 0 ? r : hand_out(&vectors, wanted, n);
}

/* ---- references ---- */

static bool is_empty(const char *text) {
    return !text || text[0] == '\0';
}

static const char *why_missing(const fd_request *request) {
    return request->embedder ? "is required, or a \"response\" to embed"
                             : "is required, since there is no embedder (option embedding-url)";
}

static int refuse(const fd_request *request, const char *list, size_t index, const char *member,
                  fd_fault *fault) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s%sembedding", member ? member : "", member ? "/" : "");
    return fd_fault_set_at(fault, -EINVAL, list, index, path, "%s", why_missing(request));
}

int fd_text_embeddings_of_references(const fd_request *request, const char *list,
                                     const char *const *names, size_t members,
                                     fd_item_reference *references, size_t n, fd_fault *fault) {
    size_t missing = 0;
    for (size_t i = 0; i < n; i++) {
        const fd_item_reference *reference = &references[i];
        if (reference->id || reference->embedding)
            continue;
        if (!request->embedder || !reference->texts || is_empty(reference->texts->response))
            return refuse(request, list, i / members, names ? names[i % members] : NULL, fault);
        missing++;
    }
    if (missing == 0)
        return 0;
    FD_FREE fd_wanted_embedding *wanted = calloc(missing, sizeof(*wanted));
    if (!wanted)
        return -ENOMEM;
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        fd_item_reference *reference = &references[i];
        if (reference->id || reference->embedding)
            continue;
        wanted[next++] = (fd_wanted_embedding){
            .texts = {reference->texts->prompt, reference->texts->response},
            .numbers = &reference->embedding,
            .dimension = &reference->dimension,
        };
    }
    return fd_text_embeddings_make(request, wanted, missing, false, fault);
}

/* ---- items ---- */

static int copy_stored(void *context, const fd_item_row *stored) {
    fd_item_row *row = context;
    float *copy = reallocarray(NULL, stored->dimension, sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    memcpy(copy, stored->embedding, stored->dimension * sizeof(*copy));
    row->embedding = copy;
    row->dimension = stored->dimension;
    return 0;
}

int fd_text_embeddings_find_stored(fd_engine *engine, fd_item_row *row) {
    return fd_engine_item_read(engine, row->id, true, copy_stored, row);
}

static int visit_nothing(void *context, const fd_item_row *stored) {
    (void)context;
    (void)stored;
    return 0;
}

int fd_text_embeddings_missing(const fd_request *request, const fd_item_row *rows, size_t n,
                               bool *is_missing, size_t *ret, fd_fault *fault) {
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        is_missing[i] = false;
        if (rows[i].embedding)
            continue;
        if (!request->embedder)
            return refuse(request, "items", i, NULL, fault);
        int r = fd_engine_item_read(request->engine, rows[i].id, false, visit_nothing, NULL);
        if (r == 0)
            continue;
        if (r != -ENOENT)
            return r;
        if (is_empty(rows[i].response))
            return refuse(request, "items", i, NULL, fault);
        is_missing[i] = true;
        ++*ret;
    }
    return 0;
}

/* Adds the row to `wanted` unless it has, or gets, the embedding that is stored. */
static int find_or_want(const fd_request *request, fd_item_row *row, size_t index,
                        fd_wanted_embedding *wanted, size_t *n, fd_fault *fault) {
    if (row->embedding)
        return 0;
    if (!request->embedder)
        return refuse(request, "items", index, NULL, fault);
    int r = fd_text_embeddings_find_stored(request->engine, row);
    if (r != -ENOENT)
        return r;
    if (is_empty(row->response))
        return refuse(request, "items", index, NULL, fault);
    wanted[(*n)++] = (fd_wanted_embedding){
        .texts = {row->prompt, row->response},
        .numbers = &row->embedding,
        .dimension = &row->dimension,
    };
    return 0;
}

int fd_text_embeddings_of_items(const fd_request *request, fd_item_row *rows, size_t n,
                                size_t *ret_made, fd_fault *fault) {
    FD_FREE fd_wanted_embedding *wanted = calloc(n ? n : 1, sizeof(*wanted));
    int r = wanted ? 0 : -ENOMEM;
    *ret_made = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = find_or_want(request, &rows[i], i, wanted, ret_made, fault);
    return r < 0 ? r : fd_text_embeddings_make(request, wanted, *ret_made, true, fault);
}
