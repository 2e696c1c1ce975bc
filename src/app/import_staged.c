/* Copies items and labels of a block, and frees them. */
#include "import_staged.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "clock.h"

void fd_staged_empty(fd_import_block *block) {
    HASH_CLEAR(hh, block->by_id);
    for (size_t i = 0; i < block->n_owned; i++)
        free(block->owned[i]);
    block->n_items = block->n_known = block->n_labels = block->n_owned = 0;
    block->bytes = block->rows = 0;
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

int fd_staged_own_text(fd_import_block *block, const char *text, const char **ret) {
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
        r = fd_staged_own_text(block, given->scores[i].name, &scores[i].name);
    ret->scores = scores;
    return r;
}

int fd_staged_copy_item(fd_import_block *block, const fd_imported_item *given,
                        struct fd_staged_item **ret) {
    const fd_item_row *from = &given->row;
    struct fd_staged_item item = {.row = *from, .by_texts = given->by_texts};
    item.row.created_ms = fd_wall_milliseconds();
    int r = fd_staged_own_text(block, from->id, &item.row.id);
    if (r == 0)
        r = fd_staged_own_text(block, from->prompt_id, &item.row.prompt_id);
    if (r == 0)
        r = fd_staged_own_text(block, from->prompt, &item.row.prompt);
    if (r == 0)
        r = fd_staged_own_text(block, from->response, &item.row.response);
    if (r == 0)
        r = fd_staged_own_text(block, from->metadata, &item.row.metadata);
    if (r == 0)
        r = own_scores(block, from, &item.row);
    if (r == 0 && from->embedding)
        r = own(block, from->embedding, from->dimension * sizeof(float), &item.row.embedding);
    return r < 0 ? r : own(block, &item, sizeof(item), ret);
}

int fd_staged_refuse(const fd_import_block *block, size_t file, size_t line, const char *member,
                     const char *reason) {
    char pointer[80] = "";
    if (member)
        (void)snprintf(pointer, sizeof(pointer), "/%s", member);
    fd_import_report_refuse(
        block->place.report, file,
        &(fd_import_refusal){.line = line, .pointer = pointer, .reason = reason});
    return -EINVAL;
}
