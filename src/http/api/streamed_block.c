/* Copies rows of an import into blocks. */
#include "streamed_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "text_embeddings.h"

/* ---- sizes ---- */

static size_t size_of(const char *text) {
    return text ? strlen(text) + 1 : 0;
}

/* The numbers come first and the scores after them, so that both are aligned. */
static size_t item_size(const fd_item_row *row) {
    size_t numbers = row->embedding ? row->dimension * sizeof(float) : 0;
    size_t size = (numbers + 7) / 8 * 8 + row->n_scores * sizeof(fd_item_score);
    for (size_t i = 0; i < row->n_scores; i++)
        size += size_of(row->scores[i].name);
    size += size_of(row->id) + size_of(row->prompt_id) + size_of(row->prompt);
    size += size_of(row->response) + size_of(row->metadata);
    return (size + 7) / 8 * 8;
}

static size_t label_size(const fd_imported_label *label) {
    return size_of(label->id) + size_of(label->a) + size_of(label->b) + size_of(label->annotator) +
           size_of(label->comment);
}

static size_t row_size(const fd_imported_row *row) {
    size_t size = 0;
    for (size_t i = 0; i < row->n_items; i++)
        size += item_size(&row->items[i].row) + sizeof(fd_block_item);
    for (size_t i = 0; i < row->n_labels; i++)
        size += label_size(&row->labels[i]) + sizeof(fd_block_label);
    return size;
}

static size_t texts_of(const fd_imported_row *row) {
    size_t n = 0;
    for (size_t i = 0; i < row->n_items; i++)
        n += row->items[i].row.embedding == NULL;
    return n;
}

bool fd_streamed_block_is_full(const fd_streamed_block *block, const fd_imported_row *row) {
    return block->n_owned > 0 && (block->bytes + row_size(row) > FD_STREAMED_BLOCK_BYTES ||
                                  block->n_items + row->n_items > FD_STREAMED_BLOCK_ITEMS ||
                                  block->n_labels + row->n_labels > FD_STREAMED_BLOCK_LABELS ||
                                  block->n_texts + texts_of(row) > FD_TEXTS_MAX);
}

/* ---- copying ---- */

static void *put(char **at, const void *bytes, size_t size) {
    if (!bytes)
        return NULL;
    void *copy = memcpy(*at, bytes, size);
    *at += size;
    return copy;
}

static char *put_text(char **at, const char *text) {
    return put(at, text, size_of(text));
}

static void copy_item(const fd_imported_item *item, size_t line, char **at, fd_block_item *ret) {
    const fd_item_row *row = &item->row;
    char *end = *at + item_size(row);
    *ret = (fd_block_item){
        .row = *row, .line = line, .by_texts = item->by_texts, .is_embedding = item->is_embedding};
    size_t numbers = row->embedding ? row->dimension * sizeof(float) : 0;
    ret->row.embedding = put(at, row->embedding, numbers);
    *at += (8 - numbers % 8) % 8;
    fd_item_score *scores = put(at, row->scores, row->n_scores * sizeof(*scores));
    for (size_t i = 0; i < row->n_scores; i++)
        scores[i].name = put_text(at, row->scores[i].name);
    ret->row.scores = scores;
    ret->row.id = put_text(at, row->id);
    ret->row.prompt_id = put_text(at, row->prompt_id);
    ret->row.prompt = put_text(at, row->prompt);
    ret->row.response = put_text(at, row->response);
    ret->row.metadata = put_text(at, row->metadata);
    *at = end;
}

static void copy_label(const fd_imported_label *label, size_t line, char **at,
                       fd_block_label *ret) {
    *ret = (fd_block_label){
        .line = line,
        .label =
            {
                .id = put_text(at, label->id),
                .a = put_text(at, label->a),
                .b = put_text(at, label->b),
                .preference = label->preference,
                .annotator = put_text(at, label->annotator),
                .duration_ms = label->duration_ms,
                .comment = put_text(at, label->comment),
                .created_ms = label->created_ms,
            },
    };
}

/* Makes room for n more elements. */
static int reserve(void **array, size_t *room, size_t used, size_t n, size_t size) {
    if (used + n <= *room)
        return 0;
    size_t larger = 2 * (used + n);
    void *grown = reallocarray(*array, larger, size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *room = larger;
    return 0;
}

int fd_streamed_block_add(fd_streamed_block *block, const fd_imported_row *row) {
    size_t size = row_size(row);
    int r = reserve((void **)&block->items, &block->items_room, block->n_items, row->n_items,
                    sizeof(*block->items));
    if (r == 0)
        r = reserve((void **)&block->labels, &block->labels_room, block->n_labels, row->n_labels,
                    sizeof(*block->labels));
    if (r == 0)
        r = reserve((void **)&block->owned, &block->owned_room, block->n_owned, 1,
                    sizeof(*block->owned));
    char *at = r == 0 ? malloc(size + 1) : NULL;
    if (!at)
        return -ENOMEM;
    block->owned[block->n_owned++] = at;
    block->bytes += size;
    block->n_texts += texts_of(row);
    for (size_t i = 0; i < row->n_items; i++)
        copy_item(&row->items[i], row->line, &at, &block->items[block->n_items++]);
    for (size_t i = 0; i < row->n_labels; i++)
        copy_label(&row->labels[i], row->line, &at, &block->labels[block->n_labels++]);
    return 0;
}

void fd_streamed_block_reset(fd_streamed_block *block) {
    for (size_t i = 0; i < block->n_owned; i++)
        free(block->owned[i]);
    block->n_owned = block->n_items = block->n_labels = 0;
    block->bytes = block->n_texts = 0;
}

void fd_streamed_block_clear(fd_streamed_block *block) {
    fd_streamed_block_reset(block);
    free(block->items);
    free(block->labels);
    free(block->owned);
}
