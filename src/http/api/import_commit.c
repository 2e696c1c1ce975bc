/* Sorts out the rows of a block, and hands those that are new to the engine. */
#include "import_commit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "items.h"
#include "labelled_pairs.h"
#include "text_embeddings.h"

static const char conflict[] = "exists already with other content";
static const char label_conflict[] = "is that of a label with other content";

void fd_import_commit_clear(fd_import_commit *commit) {
    fd_imported_ids_clear(&commit->ids);
}

/* ---- refusing ---- */

static void refuse_item(fd_import_commit *commit, const fd_block_item *item, const char *pointer,
                        const char *why) {
    char reason[sizeof(((fd_fault *)0)->detail)];
    (void)snprintf(reason, sizeof(reason), "item \"%.150s\" %s", item->row.id, why);
    commit->outcome->items_refused++;
    fd_import_outcome_refuse(commit->outcome, item->line, pointer, reason);
}

static void refuse_label(fd_import_commit *commit, const fd_block_label *label, const char *pointer,
                         const char *why) {
    commit->outcome->labels_refused++;
    fd_import_outcome_refuse(commit->outcome, label->line, pointer, why);
}

/* The element of a list that a fault points at. False if it points at none. */
static bool place_of(const fd_fault *fault, size_t n, size_t *ret, const char **ret_pointer) {
    const char *at = strchr(fault->pointer + (fault->pointer[0] == '/'), '/');
    char *end;
    if (!at)
        return false;
    *ret = strtoul(at + 1, &end, 10);
    *ret_pointer = end;
    return end > at + 1 && *ret < n;
}

/* ---- which items are new ---- */

typedef enum standing { IS_NEW, IS_UNCHANGED, IS_REFUSED } standing;

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

struct comparison {
    const fd_block_item *item;
    bool is_same;
    size_t dimension; /* of the stored item */
};

static int compare(void *context, const fd_item_row *stored) {
    struct comparison *comparison = context;
    const fd_item_row *row = &comparison->item->row;
    bool same_embedding = !row->embedding || (row->dimension == stored->dimension &&
                                              memcmp(row->embedding, stored->embedding,
                                                     row->dimension * sizeof(float)) == 0);
    bool same_texts =
        same_text(row->prompt, stored->prompt) && same_text(row->response, stored->response);
    bool same_rest =
        same_text(row->prompt_id, stored->prompt_id) && same_text(row->metadata, stored->metadata);
    comparison->is_same =
        same_embedding && (comparison->item->is_embedding ||
                           (same_texts && (comparison->item->by_texts || same_rest)));
    return 0;
}

static int stand_beside_stored(fd_import_commit *commit, const fd_block_item *item, standing *ret) {
    struct comparison comparison = {.item = item};
    int r =
        fd_engine_item_exists(commit->request->engine, item->row.id)
            ? fd_engine_item_read(commit->request->engine, item->row.id, true, compare, &comparison)
            : -ENOENT;
    *ret = IS_NEW;
    if (r == -ENOENT)
        return 0;
    *ret = comparison.is_same ? IS_UNCHANGED : IS_REFUSED;
    if (r == 0 && !comparison.is_same)
        refuse_item(commit, item, "/id", conflict);
    return r;
}

/* Among the items of the import: the same id may come again, with the same content. */
static int stand_among_seen(fd_import_commit *commit, const fd_block_item *item, standing *ret) {
    bool is_new, is_same;
    size_t more = fd_imported_ids_growth(&commit->ids);
    fd_fault unused;
    int r = fd_request_take_memory(commit->request, more, &unused);
    if (r == 0)
        r = fd_imported_ids_add(&commit->ids, &item->row, item->by_texts, &is_new, &is_same);
    if (r < 0 || is_new)
        return r;
    *ret = is_same ? IS_UNCHANGED : IS_REFUSED;
    if (*ret == IS_REFUSED)
        refuse_item(commit, item, "/id", "is there twice, with other content");
    return 0;
}

static int read_dimension(void *context, const fd_item_row *row) {
    *(size_t *)context = row->dimension;
    return 0;
}

/* What the engine would refuse, so that the others need not be tried again. */
static void stand_alone(fd_import_commit *commit, const fd_block_item *item, standing *ret) {
    const fd_item_row *row = &item->row;
    char why[128];
    if (item->is_embedding) {
        refuse_item(commit, item, "/embedding", "has only an embedding, and is not there");
    } else if (!row->embedding && !commit->request->embedder) {
        refuse_item(commit, item, "/embedding",
                    "has no embedding, and the daemon has no embedder (embedding-url)");
    } else if (!row->embedding && (!row->response || row->response[0] == '\0')) {
        refuse_item(commit, item, "/response", "has neither an embedding nor a response to embed");
    } else if (row->embedding && commit->dimension > 0 && row->dimension != commit->dimension) {
        (void)snprintf(why, sizeof(why), "has %zu numbers; the items of this daemon have %zu",
                       row->dimension, commit->dimension);
        refuse_item(commit, item, "/embedding", why);
    } else {
        if (row->embedding)
            commit->dimension = row->dimension;
        return;
    }
    *ret = IS_REFUSED;
}

static int sort_item(fd_import_commit *commit, const fd_block_item *item, standing *ret) {
    int r = stand_beside_stored(commit, item, ret);
    if (r == 0 && *ret == IS_NEW)
        stand_alone(commit, item, ret);
    if (r == 0 && *ret == IS_NEW)
        r = stand_among_seen(commit, item, ret);
    return r;
}

/* Moves the items that the engine gets to the front: new ones, and those whose scores may change.
 */
static int sort_items(fd_import_commit *commit, fd_streamed_block *block, size_t *ret) {
    *ret = 0;
    for (size_t i = 0; i < block->n_items; i++) {
        fd_block_item *item = &block->items[i];
        standing found = IS_NEW;
        int r = sort_item(commit, item, &found);
        if (r < 0)
            return r;
        bool is_written = found == IS_NEW || (found == IS_UNCHANGED && item->row.n_scores > 0 &&
                                              !item->by_texts && !item->is_embedding);
        if (found != IS_REFUSED && commit->is_dry_run)
            *(found == IS_NEW ? &commit->outcome->created : &commit->outcome->unchanged) += 1;
        else if (found == IS_UNCHANGED && !is_written)
            commit->outcome->unchanged++;
        else if (found != IS_REFUSED)
            block->items[(*ret)++] = *item;
    }
    return 0;
}

/* ---- adding ---- */

/* Adds rows, and refuses those that the engine refuses. `items` are theirs. */
static int add_rows(fd_import_commit *commit, const fd_block_item *items, const fd_item_row *rows,
                    size_t n, fd_fault *fault) {
    while (n > 0) {
        fd_added added;
        fd_fault why = {0};
        const char *pointer;
        size_t place;
        int r = fd_engine_items_add(commit->request->engine, rows, n, &added, &why);
        commit->outcome->created += r == 0 ? added.created : 0;
        commit->outcome->unchanged += r == 0 ? added.unchanged : 0;
        if (r == 0)
            return 0;
        if ((r != -EINVAL && r != -EEXIST) || !place_of(&why, n, &place, &pointer)) {
            *fault = why;
            return r;
        }
        if (!commit->request->is_awaited(commit->request->await_context))
            return -ECANCELED;
        r = add_rows(commit, items, rows, place, fault);
        if (r < 0)
            return r;
        commit->outcome->items_refused++;
        fd_import_outcome_refuse(commit->outcome, items[place].line, pointer, why.detail);
        items += place + 1;
        rows += place + 1;
        n -= place + 1;
    }
    return 0;
}

/* The memory that embedding takes is given back after each block. */
struct block_memory {
    const fd_request *request;
    size_t taken;
};

static bool take_block_memory(void *context, size_t bytes) {
    struct block_memory *memory = context;
    bool is_taken = memory->request->take_memory(memory->request->await_context, bytes);
    memory->taken += is_taken ? bytes : 0;
    return is_taken;
}

static bool is_block_awaited(void *context) {
    const struct block_memory *memory = context;
    return memory->request->is_awaited(memory->request->await_context);
}

static int embed(fd_import_commit *commit, fd_item_row *rows, size_t n, fd_fault *fault) {
    struct block_memory memory = {.request = commit->request};
    fd_request request = *commit->request;
    size_t made;
    request.take_memory = take_block_memory;
    request.is_awaited = is_block_awaited;
    request.await_context = &memory;
    int r = fd_text_embeddings_of_items(&request, rows, n, &made, fault);
    commit->request->give_back_memory(commit->request->await_context, memory.taken);
    return r;
}

static int add_items(fd_import_commit *commit, const fd_block_item *items, size_t n,
                     fd_fault *fault) {
    FD_FREE fd_item_row *rows = calloc(n ? n : 1, sizeof(*rows));
    if (!rows)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        rows[i] = items[i].row;
    int r = embed(commit, rows, n, fault);
    if (r == 0)
        r = add_rows(commit, items, rows, n, fault);
    for (size_t i = 0; i < n; i++)
        if (!items[i].row.embedding)
            free((float *)rows[i].embedding);
    return r;
}

/* ---- labels ---- */

static bool has_item(const fd_import_commit *commit, const char *id) {
    return fd_engine_item_exists(commit->request->engine, id) ||
           (commit->is_dry_run && fd_imported_ids_has(&commit->ids, id));
}

/* Moves the labels whose items are there to the front. */
static size_t sort_labels(fd_import_commit *commit, fd_streamed_block *block) {
    size_t n = 0;
    for (size_t i = 0; i < block->n_labels; i++) {
        fd_block_label label = block->labels[i];
        const char *missing = !has_item(commit, label.label.a)   ? label.label.a
                              : !has_item(commit, label.label.b) ? label.label.b
                                                                 : NULL;
        char why[sizeof(((fd_fault *)0)->detail)];
        (void)snprintf(why, sizeof(why), "there is no item \"%.150s\"", missing ? missing : "");
        if (missing)
            refuse_label(commit, &label, missing == label.label.a ? "/a" : "/b", why);
        else
            block->labels[n++] = label;
    }
    return n;
}

static int add_list(fd_import_commit *commit, const fd_block_label *labels, const fd_label *list,
                    size_t n, fd_fault *fault) {
    while (n > 0) {
        fd_added added;
        fd_fault why = {0};
        const char *pointer;
        size_t place;
        int r = fd_engine_labels_add(commit->request->engine, list, n, &added, &why);
        commit->outcome->accepted += r == 0 ? added.created : 0;
        commit->outcome->duplicates += r == 0 ? added.unchanged : 0;
        if (r == 0)
            return 0;
        if ((r != -EINVAL && r != -EEXIST) || !place_of(&why, n, &place, &pointer)) {
            *fault = why;
            return r;
        }
        if (!commit->request->is_awaited(commit->request->await_context))
            return -ECANCELED;
        r = add_list(commit, labels, list, place, fault);
        if (r < 0)
            return r;
        refuse_label(commit, &labels[place], pointer, why.detail);
        labels += place + 1;
        list += place + 1;
        n -= place + 1;
    }
    return 0;
}

static int add_labels(fd_import_commit *commit, const fd_block_label *labels, size_t n,
                      fd_fault *fault) {
    FD_FREE fd_label *list = calloc(n ? n : 1, sizeof(*list));
    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        list[i] = labels[i].label;
    return add_list(commit, labels, list, n, fault);
}

/* ---- labels of a dry run ---- */

struct label_comparison {
    const fd_label *label;
    int64_t first; /* place of the first revision, which is what a repeat repeats */
    bool is_same;
};

static int compare_label(void *context, const fd_labelled_pair *pair) {
    struct label_comparison *comparison = context;
    const fd_label *label = comparison->label;
    const fd_label_row *row = &pair->label;
    comparison->first = row->revision == 0 ? 0 : row->original;
    comparison->is_same =
        strcmp(pair->a.id, label->a) == 0 && strcmp(pair->b.id, label->b) == 0 &&
        row->preference == label->preference && strcmp(row->annotator, label->annotator) == 0 &&
        row->duration_ms == label->duration_ms && same_text(row->comment, label->comment) &&
        same_text(row->assignment, label->assignment);
    return 0;
}

/* What adding the label would come to. */
static int stand_label(fd_import_commit *commit, const fd_label *label, standing *ret) {
    struct label_comparison comparison = {.label = label};
    fd_engine *engine = commit->request->engine;
    int r = fd_engine_label_read(engine, label->id, compare_label, &comparison);
    *ret = IS_NEW;
    if (r == -ENOENT)
        return 0;
    if (r == 0 && comparison.first > 0)
        r = fd_engine_revisions_read(engine, &comparison.first, 1, compare_label, &comparison);
    *ret = comparison.is_same ? IS_UNCHANGED : IS_REFUSED;
    return r;
}

static int count_labels(fd_import_commit *commit, const fd_block_label *labels, size_t n) {
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        standing found;
        r = stand_label(commit, &labels[i].label, &found);
        if (r == 0 && found == IS_REFUSED)
            refuse_label(commit, &labels[i], "/id", label_conflict);
        else if (r == 0)
            *(found == IS_NEW ? &commit->outcome->accepted : &commit->outcome->duplicates) += 1;
    }
    return r;
}

int fd_import_commit_block(fd_import_commit *commit, fd_streamed_block *block, fd_fault *fault) {
    size_t n_items;
    int r = commit->dimension > 0 ? 0
                                  : fd_engine_items_read(commit->request->engine, 0, 1, false,
                                                         read_dimension, &commit->dimension);
    if (r == 0)
        r = sort_items(commit, block, &n_items);
    if (r == 0 && !commit->is_dry_run)
        r = add_items(commit, block->items, n_items, fault);
    if (!commit->is_dry_run)
        fd_imported_ids_reset(&commit->ids);
    if (r < 0)
        return r;
    size_t n_labels = sort_labels(commit, block);
    if (!commit->is_dry_run)
        return add_labels(commit, block->labels, n_labels, fault);
    return count_labels(commit, block->labels, n_labels);
}
