/* Reads the corpus of the demo and adds it to an engine. */
#include "corpus_items.h"

#include <errno.h>
#include <string.h>

#include "corpus.h"
#include "hash_embedder.h"
#include "items.h"
#include "json_tree.h"

enum { DIMENSION = 2 * FD_EMBED_SIZE }; /* of the prompt and of the response */

int fd_corpus_read(json_t **ret) {
    FD_JSON json_t *items = json_array();
    for (const char *line = fd_corpus; *line; line += strcspn(line, "\n") + 1)
        if (json_array_append_new(items, json_loadb(line, strcspn(line, "\n"), 0, NULL)) < 0)
            return -ENOMEM;
    *ret = json_incref(items);
    return 0;
}

static const char *text_of(const json_t *item, const char *name) {
    return json_string_value(json_object_get(item, name));
}

/* Leaves the metadata out: it says which response is better. */
static fd_item_row row_of(const json_t *item, float *embedding) {
    fd_item_row row = {
        .id = text_of(item, "id"),
        .prompt_id = text_of(item, "prompt_id"),
        .prompt = text_of(item, "prompt"),
        .response = text_of(item, "response"),
        .embedding = embedding,
        .dimension = DIMENSION,
    };
    fd_hash_embed_item(row.prompt, row.response, embedding);
    return row;
}

int fd_corpus_add(fd_engine *engine, fd_fault *fault) {
    FD_JSON json_t *items = NULL;
    int r = fd_corpus_read(&items);
    if (r < 0)
        return r;
    size_t n = json_array_size(items);
    FD_FREE fd_item_row *rows = calloc(n, sizeof(*rows));
    FD_FREE float *embeddings = calloc(n, sizeof(*embeddings) * DIMENSION);
    if (!rows || !embeddings)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i] = row_of(json_array_get(items, i), embeddings + i * DIMENSION);
    fd_added added;
    return fd_engine_items_add(engine, rows, n, &added, fault);
}
