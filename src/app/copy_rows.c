/* Copies many rows, in blocks: each is a transaction of the target, so that a run that was
 * interrupted goes on behind the last one. */
#include "copy_rows.h"

#include <errno.h>
#include <string.h>

#include "array.h"

enum { BLOCK_ROWS = 2000, BLOCK_BYTES = 8 << 20, READ_AT_ONCE = 2000 };

/* Rows of one kind on their way, with copies of what they point at. */
struct block {
    fd_copy *copy;
    int (*write)(const fd_copy *copy, const void *block);
    uint64_t skipped; /* rows that the target has, and that are still to come */
    uint64_t done, total;
    int64_t last; /* index or sequence of the row before */
    size_t n, bytes;
    union {
        fd_item_row items[BLOCK_ROWS];
        fd_score_row scores[BLOCK_ROWS];
        fd_assignment_row assignments[BLOCK_ROWS];
        fd_label_row labels[BLOCK_ROWS];
    } rows;
    size_t n_copies, capacity;
    void **copies; /* [n_copies] */
    bool is_out_of_memory;
};

static void drop_rows(struct block *block) {
    for (size_t i = 0; i < block->n_copies; i++)
        free(block->copies[i]);
    block->n_copies = block->n = block->bytes = 0;
}

static void block_free(struct block *block) {
    drop_rows(block);
    free(block->copies);
    free(block);
}
FD_DEFINE_CLEANUP(struct block, block_free)

/* ---- rows ---- */

/* NULL where there is nothing to keep, and where memory ran out. */
static const void *keep(struct block *block, const void *bytes, size_t size) {
    if (!bytes || size == 0)
        return NULL;
    void *copy = malloc(size);
    if (!copy || fd_array_reserve(&block->copies, &block->capacity, block->n_copies + 1,
                                  sizeof(void *)) < 0) {
        free(copy);
        block->is_out_of_memory = true;
        return NULL;
    }
    block->copies[block->n_copies++] = copy;
    block->bytes += size;
    return memcpy(copy, bytes, size);
}

static const char *keep_text(struct block *block, const char *text) {
    return keep(block, text, text ? strlen(text) + 1 : 0);
}

static int flush(struct block *block) {
    if (block->n == 0)
        return 0;
    int r = fd_copy_write(block->copy, block->write, block);
    if (r < 0)
        return r;
    block->done += block->n;
    drop_rows(block);
    fd_copy_show(block->copy, block->done, block->total);
    return 0;
}

/* Whether the row is one that the target has. */
static bool skip(struct block *block) {
    if (block->skipped == 0)
        return false;
    block->skipped--;
    return true;
}

static int end_row(struct block *block) {
    if (block->is_out_of_memory)
        return -ENOMEM;
    block->n++;
    return block->n == BLOCK_ROWS || block->bytes >= BLOCK_BYTES ? flush(block) : 0;
}

/* ---- parts ---- */

static int part_begin(fd_copy *copy, int (*write)(const fd_copy *copy, const void *block),
                      uint64_t have, uint64_t total, struct block **ret) {
    struct block *block = calloc(1, sizeof(*block));
    if (!block)
        return -ENOMEM;
    block->copy = copy;
    block->write = write;
    block->done = have;
    block->total = total;
    *ret = block;
    return 0;
}

static int part_end(struct block *block, int r) {
    if (r == 0)
        r = flush(block);
    return r == 0 && block->skipped > 0 ? -EBADMSG : r;
}

/* ---- items ---- */

static int write_items(const fd_copy *copy, const void *context) {
    const struct block *block = context;
    uint32_t indices[BLOCK_ROWS];
    fd_added added;
    int r = copy->to->operations->items_add(copy->to, block->rows.items, block->n, indices, &added);
    return r == 0 && added.created != block->n ? -EEXIST : r;
}

static int take_item(void *context, const fd_item_row *row) {
    struct block *block = context;
    fd_item_row *kept = &block->rows.items[block->n];
    block->last = row->index;
    *kept = *row;
    kept->id = keep_text(block, row->id);
    kept->prompt_id = keep_text(block, row->prompt_id);
    kept->prompt = keep_text(block, row->prompt);
    kept->response = keep_text(block, row->response);
    kept->metadata = keep_text(block, row->metadata);
    kept->embedding = keep(block, row->embedding, row->dimension * sizeof(*row->embedding));
    kept->text_features.values =
        keep(block, row->text_features.values, row->text_features.count * sizeof(*row->embedding));
    return end_row(block);
}

int fd_copy_items(fd_copy *copy, uint64_t have, uint64_t total) {
    FD_CLEANUP(block_freep) struct block *block = NULL;
    int64_t before;
    int r = part_begin(copy, write_items, have, total, &block);
    if (r < 0)
        return r;
    block->last = (int64_t)have - 1;
    do {
        before = block->last;
        r = copy->from->operations->items_read(copy->from, (uint32_t)(before + 1), READ_AT_ONCE,
                                               true, take_item, block);
    } while (r == 0 && block->last > before);
    return part_end(block, r);
}

/* ---- scores ---- */

static int write_scores(const fd_copy *copy, const void *context) {
    const struct block *block = context;
    size_t changed;
    int r = copy->to->operations->scores_add(copy->to, block->rows.scores, block->n, &changed);
    return r == 0 && changed != block->n ? -EEXIST : r;
}

static int take_score(void *context, const fd_score_row *row) {
    struct block *block = context;
    if (skip(block))
        return 0;
    fd_score_row *kept = &block->rows.scores[block->n];
    *kept = *row;
    kept->name = keep_text(block, row->name);
    return end_row(block);
}

int fd_copy_scores(fd_copy *copy, uint64_t have, uint64_t total) {
    FD_CLEANUP(block_freep) struct block *block = NULL;
    int r = part_begin(copy, write_scores, have, total, &block);
    if (r < 0)
        return r;
    block->skipped = have;
    return part_end(block, copy->from->operations->scores_read(copy->from, take_score, block));
}

/* ---- assignments ---- */

static int write_assignments(const fd_copy *copy, const void *context) {
    const struct block *block = context;
    return copy->to->operations->assignments_write(copy->to, block->rows.assignments, block->n);
}

static int take_assignment(void *context, const fd_assignment_row *row) {
    struct block *block = context;
    if (skip(block))
        return 0;
    fd_assignment_row *kept = &block->rows.assignments[block->n];
    *kept = *row;
    kept->id = keep_text(block, row->id);
    kept->annotator = keep_text(block, row->annotator);
    kept->strategy = keep_text(block, row->strategy);
    return end_row(block);
}

int fd_copy_assignments(fd_copy *copy, uint64_t have, uint64_t total) {
    FD_CLEANUP(block_freep) struct block *block = NULL;
    int r = part_begin(copy, write_assignments, have, total, &block);
    if (r < 0)
        return r;
    block->skipped = have;
    return part_end(block,
                    copy->from->operations->assignments_read(copy->from, take_assignment, block));
}

/* ---- labels ---- */

static int write_labels(const fd_copy *copy, const void *context) {
    const struct block *block = context;
    return copy->to->operations->label_rows_add(copy->to, block->rows.labels, block->n);
}

static int take_label(void *context, const fd_label_row *row) {
    struct block *block = context;
    fd_label_row *kept = &block->rows.labels[block->n];
    block->last = row->sequence;
    *kept = *row;
    kept->id = keep_text(block, row->id);
    kept->annotator = keep_text(block, row->annotator);
    kept->assignment = keep_text(block, row->assignment);
    kept->comment = keep_text(block, row->comment);
    return end_row(block);
}

int fd_copy_labels(fd_copy *copy, uint64_t have, uint64_t total) {
    FD_CLEANUP(block_freep) struct block *block = NULL;
    int64_t before;
    int r = part_begin(copy, write_labels, have, total, &block);
    if (r < 0)
        return r;
    block->last = (int64_t)have;
    do {
        before = block->last;
        r = copy->from->operations->labels_read(copy->from, before, READ_AT_ONCE, take_label,
                                                block);
    } while (r == 0 && block->last > before);
    return part_end(block, r);
}
