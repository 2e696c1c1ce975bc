/* Stores the scores of imported items, with the rules that the engine has for them. */
#include "import_scores.h"

#include <errno.h>

static int note_name(void *context, const fd_score_row *row) {
    fd_score_names *names = context;
    uint32_t unused;
    return fd_score_names_take(names, &names->count, row->name, &unused);
}

int fd_import_scores_open(fd_store *store, fd_import_scores *ret) {
    fd_counts counts;
    *ret = (fd_import_scores){0};
    int r = store->operations->counts(store, &counts);
    if (r < 0)
        return r;
    ret->next_item = (uint32_t)counts.items;
    return store->operations->scores_read(store, note_name, &ret->names);
}

/* The rows of one item: rows [FD_SCORE_NAMES_MAX twice]. */
static int make_rows(fd_import_scores *scores, const fd_item_row *item, uint32_t index, bool is_new,
                     fd_score_row *rows, size_t *ret_n, fd_fault *fault) {
    size_t n = 0;
    for (size_t i = 0; i < item->n_scores; i++) {
        const fd_item_score *score = &item->scores[i];
        uint32_t unused;
        if (score->for_new_items && !is_new)
            continue;
        int r = fd_score_names_take(&scores->names, &scores->names.count, score->name, &unused);
        if (r == -ENOSPC)
            return fd_fault_set(fault, -EINVAL, "", FD_SCORE_NAMES_FULL, score->name);
        if (r < 0)
            return r;
        rows[n++] = (fd_score_row){
            .item = index, .name = score->name, .value = score->value, .set_ms = item->created_ms};
    }
    *ret_n = n;
    return 0;
}

int fd_import_scores_store(fd_import_scores *scores, fd_store *store, const fd_item_row *items,
                           const uint32_t *indices, size_t n, size_t *ret_item, fd_fault *fault) {
    for (size_t i = 0; i < n; i++) {
        fd_score_row rows[2 * FD_SCORE_NAMES_MAX];
        size_t n_rows = 0, changed;
        bool is_new = indices[i] == scores->next_item;
        *ret_item = i;
        int r = make_rows(scores, &items[i], indices[i], is_new, rows, &n_rows, fault);
        if (r == 0 && n_rows > 0)
            r = store->operations->scores_add(store, rows, n_rows, &changed);
        if (r < 0)
            return r;
        scores->next_item += is_new;
    }
    return 0;
}
