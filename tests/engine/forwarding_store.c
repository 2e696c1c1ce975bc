/* Passes every call on, as the store in memory has them. */
#include "forwarding_store.h"

#include <stdlib.h>

static fd_store *inner_of(fd_store *store) {
    return ((forwarding_store *)store)->inner;
}

#define FORWARD(operation, parameters, ...)                                                        \
    static int forward_##operation parameters {                                                    \
        return inner_of(store)->operations->operation(inner_of(store), ##__VA_ARGS__);             \
    }

FORWARD(begin, (fd_store * store))
FORWARD(commit, (fd_store * store))
FORWARD(probe, (fd_store * store))
FORWARD(present, (fd_store * store))
FORWARD(items_add,
        (fd_store * store, const fd_item_row *rows, size_t n, uint32_t *indices, fd_added *ret),
        rows, n, indices, ret)
FORWARD(text_features_write, (fd_store * store, const fd_text_features_row *rows, size_t n), rows,
        n)
FORWARD(scores_add, (fd_store * store, const fd_score_row *rows, size_t n, size_t *ret_changed),
        rows, n, ret_changed)
FORWARD(project_add, (fd_store * store, const fd_project_row *row), row)
FORWARD(scores_read, (fd_store * store, fd_score_visit *visit, void *context), visit, context)
FORWARD(project_read, (fd_store * store, fd_project_visit *visit, void *context), visit, context)
FORWARD(embedder_write, (fd_store * store, const fd_embedder_row *row), row)
FORWARD(embedder_read, (fd_store * store, fd_embedder_visit *visit, void *context), visit, context)
FORWARD(labels_add,
        (fd_store * store, const fd_label_row *rows, size_t n, int64_t *sequences, fd_added *ret),
        rows, n, sequences, ret)
FORWARD(label_revise, (fd_store * store, const fd_label_change *change, fd_label_changed *ret),
        change, ret)
FORWARD(model_add, (fd_store * store, const fd_model_row *row), row)
FORWARD(items_read,
        (fd_store * store, uint32_t first, size_t limit, bool embeddings, fd_item_visit *visit,
         void *context),
        first, limit, embeddings, visit, context)
FORWARD(labels_read,
        (fd_store * store, int64_t after, size_t limit, fd_label_visit *visit, void *context),
        after, limit, visit, context)
FORWARD(assignments_write, (fd_store * store, const fd_assignment_row *rows, size_t n), rows, n)
FORWARD(assignments_read_open, (fd_store * store, fd_assignment_row_visit *visit, void *context),
        visit, context)
FORWARD(assignment_key, (fd_store * store, unsigned char key[static FD_ASSIGNMENT_KEY_SIZE]), key)
FORWARD(model_activate, (fd_store * store, uint64_t version), version)
FORWARD(models_prune, (fd_store * store, size_t keep, uint64_t spare, size_t *ret_deleted), keep,
        spare, ret_deleted)
FORWARD(models_read,
        (fd_store * store, uint64_t highest, size_t limit, bool bytes, fd_model_visit *visit,
         void *context),
        highest, limit, bytes, visit, context)
FORWARD(vectors_read,
        (fd_store * store, uint32_t first, size_t limit, fd_item_visit *visit, void *context),
        first, limit, visit, context)
FORWARD(component_block_write, (fd_store * store, const fd_component_block *block), block)
FORWARD(component_blocks_prune,
        (fd_store * store, const char *inputs, size_t limit, size_t *ret_deleted), inputs, limit,
        ret_deleted)
FORWARD(component_blocks_read,
        (fd_store * store, const char *inputs, uint32_t first, fd_component_block_visit *visit,
         void *context),
        inputs, first, visit, context)
FORWARD(shared_file_read,
        (fd_store * store, const char *name, uint64_t known, fd_shared_file_visit *visit,
         void *context),
        name, known, visit, context)
FORWARD(shared_file_write,
        (fd_store * store, const char *name, const void *bytes, size_t size, uint64_t replaced),
        name, bytes, size, replaced)
FORWARD(counts, (fd_store * store, fd_counts *ret), ret)
FORWARD(check, (fd_store * store, fd_finding_visit *visit, void *context), visit, context)
FORWARD(back_up,
        (fd_store * store, const char *to, bool (*go_on)(void *context), void *context,
         fd_backup *ret, fd_fault *fault),
        to, go_on, context, ret, fault)

static void forward_rollback(fd_store *store) {
    inner_of(store)->operations->rollback(inner_of(store));
}

static uint64_t forward_log_bytes(fd_store *store) {
    return inner_of(store)->operations->log_bytes(inner_of(store));
}

static void forward_close(fd_store *store) {
    free(store);
}

const fd_store_operations forwarding_operations = {
    .begin = forward_begin,
    .commit = forward_commit,
    .probe = forward_probe,
    .present = forward_present,
    .items_add = forward_items_add,
    .text_features_write = forward_text_features_write,
    .scores_add = forward_scores_add,
    .project_add = forward_project_add,
    .scores_read = forward_scores_read,
    .project_read = forward_project_read,
    .embedder_write = forward_embedder_write,
    .embedder_read = forward_embedder_read,
    .labels_add = forward_labels_add,
    .label_revise = forward_label_revise,
    .model_add = forward_model_add,
    .items_read = forward_items_read,
    .labels_read = forward_labels_read,
    .assignments_write = forward_assignments_write,
    .assignments_read_open = forward_assignments_read_open,
    .assignment_key = forward_assignment_key,
    .model_activate = forward_model_activate,
    .models_prune = forward_models_prune,
    .models_read = forward_models_read,
    .vectors_read = forward_vectors_read,
    .component_block_write = forward_component_block_write,
    .component_blocks_prune = forward_component_blocks_prune,
    .component_blocks_read = forward_component_blocks_read,
    .shared_file_read = forward_shared_file_read,
    .shared_file_write = forward_shared_file_write,
    .counts = forward_counts,
    .check = forward_check,
    .back_up = forward_back_up,
    .rollback = forward_rollback,
    .log_bytes = forward_log_bytes,
    .close = forward_close,
};
