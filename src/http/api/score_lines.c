/* Scores JSON lines, a block after another. */
#include "score_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block_memory.h"
#include "embedding_scan.h"
#include "item_reference.h"
#include "item_scores.h"
#include "json_read.h"
#include "score_json.h"
#include "text_embeddings.h"

enum { LINES = FD_TEXTS_MAX }; /* of a block, so that all may be texts */

/* A line that is not blank. */
struct line {
    size_t number; /* in the body, from 1 */
    json_t *root;  /* owns the reference's ids and texts */
    fd_fault fault;
    bool is_wrong;
};

struct block {
    size_t n;
    struct line lines[LINES];
    size_t n_items; /* of the lines that are not wrong */
    fd_item_reference items[LINES];
    size_t line_of[LINES]; /* of an item */
    fd_score scores[LINES];
    uint64_t version;
};

static void block_clear(struct block *block) {
    for (size_t i = 0; i < block->n; i++)
        json_decref(block->lines[i].root);
    for (size_t i = 0; i < block->n_items; i++)
        fd_item_reference_clear(&block->items[i]);
    block->n = block->n_items = 0;
}

static void block_free(struct block **block) {
    if (*block)
        block_clear(*block);
    free(*block);
}

/* ---- reading ---- */

static int read_line(struct line *line, const char *text, size_t size, fd_item_reference *ret) {
    *ret = (fd_item_reference){0};
    if (fd_embedding_scan_item(text, size, ret))
        return 0;
    int r = fd_json_parse(text, size, &line->root, &line->fault);
    if (r == 0)
        r = fd_item_reference_read(line->root, NULL, ret, &line->fault);
    if (r < 0)
        fd_item_reference_clear(ret);
    line->is_wrong = r == -EBADMSG || r == -EINVAL;
    return line->is_wrong ? 0 : r;
}

static bool is_blank(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r')
            return false;
    return true;
}

/* Reads lines from *at on until the block is full; *number counts them. */
static int read_block(const char **at, const char *end, size_t *number, struct block *block) {
    int r = 0;
    while (*at < end && block->n < LINES && r == 0) {
        const char *start = *at;
        const char *newline = memchr(start, '\n', (size_t)(end - start));
        size_t size = (size_t)((newline ? newline : end) - start);
        *at = start + size + (newline ? 1 : 0);
        ++*number;
        if (is_blank(start, size))
            continue;
        struct line *line = &block->lines[block->n++];
        *line = (struct line){.number = *number};
        r = read_line(line, start, size, &block->items[block->n_items]);
        if (r == 0 && !line->is_wrong)
            block->line_of[block->n_items++] = block->n - 1;
    }
    return r;
}

/* ---- scoring ---- */

/* Takes the item that a fault points at out of the block. False: it points at none. */
static bool set_aside(struct block *block, const fd_fault *fault) {
    static const char list[] = "/items/";
    if (strncmp(fault->pointer, list, sizeof(list) - 1) != 0)
        return false;
    char *rest;
    size_t index = strtoul(fault->pointer + sizeof(list) - 1, &rest, 10);
    if (index >= block->n_items)
        return false;
    struct line *line = &block->lines[block->line_of[index]];
    line->fault = *fault;
    memmove(line->fault.pointer, line->fault.pointer + (rest - fault->pointer), strlen(rest) + 1);
    line->is_wrong = true;
    fd_item_reference_clear(&block->items[index]);
    size_t after = --block->n_items - index;
    memmove(&block->items[index], &block->items[index + 1], after * sizeof(block->items[0]));
    memmove(&block->line_of[index], &block->line_of[index + 1], after * sizeof(block->line_of[0]));
    return true;
}

static int score_block(const fd_request *request, struct block *block, fd_block_memory *memory,
                       fd_fault *fault) {
    for (;;) {
        *fault = (fd_fault){0};
        fd_block_memory_next(memory);
        int r = fd_item_scores(request, "items", block->items, block->n_items, block->scores,
                               &block->version, fault);
        if (r != -EINVAL || !set_aside(block, fault))
            return r;
    }
}

/* ---- writing ---- */

static json_t *error_json(const struct line *line) {
    return json_pack("{s:{s:I, s:s, s:s}}", "error", "line", (json_int_t)line->number, "pointer",
                     line->fault.pointer, "detail", line->fault.detail);
}

static json_t *line_json(const struct block *block, const fd_score *score, fd_style style) {
    fd_score shown = fd_score_in_style(score, style);
    json_t *json = fd_score_json(&shown);
    if (json &&
        json_object_set_new(json, "model_version", json_integer((json_int_t)block->version)) < 0)
        json_decref(FD_STEAL(json));
    return json;
}

static int write_block(const struct block *block, fd_style style, fd_json_text *ret) {
    int r = 0;
    for (size_t i = 0, item = 0; i < block->n && r == 0; i++) {
        const struct line *line = &block->lines[i];
        r = fd_json_text_add_value(ret, line->is_wrong
                                            ? error_json(line)
                                            : line_json(block, &block->scores[item++], style));
        fd_json_text_add(ret, "\n");
    }
    return r;
}

int fd_score_lines(const fd_request *request, fd_style style, fd_json_text *ret, fd_fault *fault) {
    FD_CLEANUP(block_free) struct block *block = calloc(1, sizeof(*block));
    if (!block)
        return -ENOMEM;
    fd_block_memory memory = {0};
    fd_request inner = fd_block_memory_request(&memory, request);
    const char *at = request->body, *end = at + request->body_size;
    size_t number = 0;
    int r = 0;
    while (at < end && r == 0) {
        r = read_block(&at, end, &number, block);
        if (r == 0)
            r = score_block(&inner, block, &memory, fault);
        if (r == 0)
            r = write_block(block, style, ret);
        if (r == 0 && !request->is_awaited(request->await_context))
            r = -ECANCELED;
        block_clear(block);
    }
    return r;
}
