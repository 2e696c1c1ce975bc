/* Embeds the items that the coming embedder has not embedded, in blocks. */
#include "re_embedding_steps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "re_embedding_changes.h"

/* Of one transaction, which is lost if the daemon ends in the middle of it. */
enum { BLOCK_ITEMS = 64, BLOCK_BYTES = 1 << 20, DELETED_AT_ONCE = 1000 };

struct block {
    size_t n;
    size_t bytes;
    uint32_t items[BLOCK_ITEMS];
    fd_embedder_texts texts[BLOCK_ITEMS]; /* owned */
    fd_fault *fault;
};

static void block_clear(struct block *block) {
    for (size_t i = 0; i < block->n; i++) {
        free((char *)block->texts[i].prompt);
        free((char *)block->texts[i].response);
    }
}

static int take_item(void *context, const fd_item_row *row) {
    struct block *block = context;
    fd_embedder_texts *texts = &block->texts[block->n];
    if (!row->response || row->response[0] == '\0')
        return fd_fault_set(block->fault, -EINVAL, "",
                            "item \"%.80s\" has no \"response\" to embed", row->id);
    block->items[block->n++] = row->index;
    texts->prompt = row->prompt ? strdup(row->prompt) : NULL;
    texts->response = strdup(row->response);
    if (!texts->response || (row->prompt && !texts->prompt))
        return -ENOMEM;
    block->bytes += strlen(texts->response) + (texts->prompt ? strlen(texts->prompt) : 0);
    return block->bytes >= BLOCK_BYTES;
}

static fd_patience patience_of(const fd_re_embedding_steps *steps) {
    return (fd_patience){
        .deadline = fd_monotonic_seconds() + fd_embedder_seconds(steps->embedder),
        .go_on = steps->go_on,
        .context = steps->context,
    };
}

/* Embeds the next items from *next on; 1: there may be more. */
static int embed_block(const fd_re_embedding_steps *steps, uint32_t *next, fd_fault *fault) {
    FD_CLEANUP(block_clear) struct block block = {.fault = fault};
    FD_CLEANUP(fd_vectors_clear) fd_vectors vectors = {0};
    const fd_patience patience = patience_of(steps);
    int r = fd_engine_re_embedding_missing(steps->engine, *next, BLOCK_ITEMS, take_item, &block);
    if (r < 0 || block.n == 0)
        return r < 0 ? r : 0;
    r = fd_embedder_embed(steps->embedder, block.texts, block.n, &patience, &vectors, fault);
    if (r == 0)
        r = fd_engine_re_embedding_add(steps->engine, block.items, block.n, vectors.values,
                                       vectors.dimension);
    if (r < 0)
        return r;
    *next = block.items[block.n - 1] + 1;
    steps->advanced(steps->context);
    return 1;
}

/* Vectors of two embedders mean nothing to each other. */
static int check_embedder(const fd_re_embedding_steps *steps, fd_fault *fault) {
    FD_FREE fd_embedder_row *row = NULL;
    fd_embedder_identity identity;
    const fd_patience patience = patience_of(steps);
    int r = fd_engine_re_embedding_coming(steps->engine, &row);
    if (r < 0 || !row)
        return r < 0 ? r : -ENOENT;
    const fd_embedder_identity coming = {
        .name = row->name,
        .template = row->template,
        .dimension = row->dimension,
        .n_probes = row->n_probes,
        .probes = row->probes,
    };
    r = fd_embedder_identify(steps->embedder, &patience, &identity, fault);
    if (r == 0 && fd_embedder_compare(&identity, &coming, fault) < 0)
        r = fd_fault_set(fault, -EEXIST, "",
                         "it was begun with the embedder \"%.80s\", and the configured one is "
                         "another",
                         row->name);
    return r;
}

int fd_re_embedding_steps_run(const fd_re_embedding_steps *steps, fd_fault *fault) {
    uint32_t next = 0;
    int r = check_embedder(steps, fault);
    if (r == 0)
        do
            r = steps->go_on(steps->context) ? embed_block(steps, &next, fault) : -ECANCELED;
        while (r > 0);
    return r;
}

int fd_re_embedding_steps_clean(const fd_re_embedding_steps *steps) {
    uint64_t deleted = 1;
    int r = 0;
    while (r == 0 && deleted > 0 && steps->go_on(steps->context))
        r = fd_engine_re_embedding_clean(steps->engine, DELETED_AT_ONCE, &deleted);
    return r;
}
