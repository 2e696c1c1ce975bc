/* Scores of items in memory: adding them and reading their history. */
#include "memory_scores.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* The item and the name in one run of bytes, by which the newest row is found. */
struct key {
    size_t size;
    char bytes[];
};

struct fd_memory_score {
    fd_score_row row; /* its name is the end of the key */
    struct fd_memory_score
        *before;       /* the row of the same item and name that it replaces, or NULL */
    UT_hash_handle hh; /* only of the newest row */
    struct key key;
};

static struct fd_memory_score *score_new(const fd_score_row *row) {
    size_t name_size = strlen(row->name) + 1;
    size_t size = sizeof(row->item) + name_size;
    struct fd_memory_score *score = calloc(1, sizeof(*score) + size);
    if (!score)
        return NULL;
    score->key.size = size;
    memcpy(score->key.bytes, &row->item, sizeof(row->item));
    memcpy(score->key.bytes + sizeof(row->item), row->name, name_size);
    score->row = *row;
    score->row.name = score->key.bytes + sizeof(row->item);
    return score;
}

static bool same_value(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

/* Puts a row in the place of the one that is newest now. */
static int make_newest(fd_memory_scores *scores, struct fd_memory_score *score) {
    struct fd_memory_score *before = score->before;
    HASH_ADD(hh, scores->newest, key.bytes, score->key.size, score);
    if (!score->hh.tbl) {
        score->before = NULL;
        return -ENOMEM;
    }
    if (before)
        HASH_DEL(scores->newest, before);
    return 0;
}

/* Takes the score, or frees it. 1: it is a change, 0: it changes nothing. */
static int insert(fd_memory_scores *scores, struct fd_memory_score *score) {
    HASH_FIND(hh, scores->newest, score->key.bytes, score->key.size, score->before);
    double before = score->before ? score->before->row.value : NAN;
    int r = same_value(before, score->row.value) ? 0 : fd_memory_table_reserve(&scores->table);
    if (r < 0 || same_value(before, score->row.value)) {
        free(score);
        return r;
    }
    scores->table.rows[scores->table.count++] = score;
    r = make_newest(scores, score);
    return r < 0 ? r : 1;
}

void fd_memory_scores_drop(fd_memory_scores *scores, size_t keep) {
    while (scores->table.count > keep) {
        struct fd_memory_score *score = scores->table.rows[--scores->table.count];
        struct fd_memory_score *before = score->before;
        if (before)
            HASH_ADD(hh, scores->newest, key.bytes, before->key.size, before);
        if (score->hh.tbl)
            HASH_DEL(scores->newest, score);
        free(score);
    }
}

void fd_memory_scores_clear(fd_memory_scores *scores) {
    HASH_CLEAR(hh, scores->newest); /* as a whole, as items are */
    fd_memory_table_clear(&scores->table);
}

static int add_rows(fd_memory_scores *scores, const fd_score_row *rows, size_t n,
                    size_t *ret_changed) {
    for (size_t i = 0; i < n; i++) {
        struct fd_memory_score *score = score_new(&rows[i]);
        int r = score ? insert(scores, score) : -ENOMEM;
        if (r < 0)
            return r;
        *ret_changed += r > 0;
    }
    return 0;
}

int fd_memory_scores_add(fd_memory_scores *scores, size_t n_items, const fd_score_row *rows,
                         size_t n, size_t *ret_changed) {
    size_t before = scores->table.count;
    *ret_changed = 0;
    for (size_t i = 0; i < n; i++)
        if (rows[i].item >= n_items)
            return -EINVAL;
    int r = add_rows(scores, rows, n, ret_changed);
    if (r < 0)
        fd_memory_scores_drop(scores, before);
    return r;
}

int fd_memory_scores_read(const fd_memory_scores *scores, fd_score_visit *visit, void *context) {
    int r = 0;
    for (size_t i = 0; r == 0; i++) {
        const struct fd_memory_score *score = fd_memory_table_at(&scores->table, i);
        if (!score)
            return 0;
        r = visit(context, &score->row);
    }
    return r;
}
