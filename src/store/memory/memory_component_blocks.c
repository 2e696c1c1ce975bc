/* Blocks of components in memory: a transaction changes a copy of the list. */
#include "memory_component_blocks.h"

#include <errno.h>
#include <string.h>

#include "memory_row.h"
#include "thread.h"

struct fd_memory_component_block {
    struct fd_memory_component_block *next;
    fd_component_block row; /* its inputs and bytes lie behind it */
};

typedef struct fd_memory_component_block block_node;

static void list_free(block_node *list) {
    for (block_node *next; list; list = next) {
        next = list->next;
        free(list);
    }
}

static fd_component_block pack(fd_memory_packing *packing, const fd_component_block *from) {
    fd_component_block row = *from;
    row.bytes = fd_memory_pack(packing, from->bytes, from->size);
    row.inputs = fd_memory_pack_text(packing, from->inputs);
    return row;
}

static block_node *node_new(const fd_component_block *row) {
    fd_memory_packing packing = {0};
    (void)pack(&packing, row);
    block_node *node = calloc(1, sizeof(*node) + packing.size);
    if (!node)
        return NULL;
    packing.at = (char *)(node + 1);
    node->row = pack(&packing, row);
    return node;
}

static int list_copy(const block_node *from, block_node **ret) {
    block_node **end = ret;
    *ret = NULL;
    for (; from; from = from->next, end = &(*end)->next) {
        *end = node_new(&from->row);
        if (!*end) {
            list_free(FD_STEAL(*ret));
            return -ENOMEM;
        }
    }
    return 0;
}

static int begin_changes(fd_memory_component_blocks *blocks) {
    int r = blocks->has_changed ? 0 : list_copy(blocks->blocks, &blocks->next);
    blocks->has_changed |= r == 0;
    return r;
}

static int compare(const fd_component_block *a, const fd_component_block *b) {
    int order = strcmp(a->inputs, b->inputs);
    return order != 0 ? order : (a->block > b->block) - (a->block < b->block);
}

int fd_memory_component_block_write(fd_memory_component_blocks *blocks,
                                    const fd_component_block *block) {
    int r = begin_changes(blocks);
    block_node *node = r == 0 ? node_new(block) : NULL;
    if (!node)
        return -ENOMEM;
    block_node **link = &blocks->next;
    while (*link && compare(&(*link)->row, block) < 0)
        link = &(*link)->next;
    node->next = *link;
    *link = node;
    block_node *replaced = node->next;
    if (replaced && compare(&replaced->row, block) == 0) {
        node->next = replaced->next;
        free(replaced);
    }
    return 0;
}

int fd_memory_component_blocks_prune(fd_memory_component_blocks *blocks, const char *inputs,
                                     size_t limit, size_t *ret_deleted) {
    int r = begin_changes(blocks);
    *ret_deleted = 0;
    if (r < 0)
        return r;
    block_node **link = &blocks->next;
    while (*link && *ret_deleted < limit) {
        block_node *node = *link;
        if (strcmp(node->row.inputs, inputs) == 0) {
            link = &node->next;
            continue;
        }
        *link = node->next;
        free(node);
        (*ret_deleted)++;
    }
    return 0;
}

int fd_memory_component_blocks_read(const fd_memory_component_blocks *blocks, const char *inputs,
                                    uint32_t first, fd_component_block_visit *visit,
                                    void *context) {
    FD_READ_LOCKED(blocks->lock);
    int r = 0;
    for (const block_node *node = blocks->blocks; node && r == 0; node = node->next)
        if (strcmp(node->row.inputs, inputs) == 0 && node->row.block >= first)
            r = visit(context, &node->row);
    return r;
}

void fd_memory_component_blocks_commit(fd_memory_component_blocks *blocks) {
    if (!blocks->has_changed)
        return;
    list_free(blocks->blocks);
    blocks->blocks = FD_STEAL(blocks->next);
    blocks->has_changed = false;
}

void fd_memory_component_blocks_rollback(fd_memory_component_blocks *blocks) {
    list_free(FD_STEAL(blocks->next));
    blocks->has_changed = false;
}

void fd_memory_component_blocks_clear(fd_memory_component_blocks *blocks) {
    list_free(blocks->blocks);
    list_free(blocks->next);
}
