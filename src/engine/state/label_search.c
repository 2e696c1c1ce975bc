/* Walks the revisions in memory, some thousand under each lock. */
#include "label_search.h"

#include "engine_state.h"
#include "thread.h"

enum { EXAMINED_AT_ONCE = 4096, EXAMINED_MAX = 1 << 18 };

/* The filter by numbers, which do not change. */
struct wanted {
    uint32_t annotator; /* FD_NOBODY: any */
    int64_t a;          /* -1: any, as the next */
    int64_t b;
    int64_t prompt; /* its number; -1: any */
    int64_t since_ms;
};

static bool find_item(const fd_item_table *items, const char *id, int64_t *ret) {
    uint32_t index = id ? fd_item_table_find(items, id) : FD_NO_ROW;
    *ret = index != FD_NO_ROW ? (int64_t)index : -1;
    return !id || index != FD_NO_ROW;
}

static bool find_prompt(const fd_item_table *items, const char *id, int64_t *ret) {
    const fd_prompt *prompt = id ? fd_item_table_find_prompt(items, id) : NULL;
    *ret = prompt ? (int64_t)fd_prompt_number(items, prompt) : -1;
    return !id || prompt;
}

/* False where the filter names what does not exist. */
static bool look_up(fd_engine *engine, const fd_label_filter *filter, struct wanted *ret) {
    *ret = (struct wanted){
        .annotator = FD_NOBODY, .a = -1, .b = -1, .prompt = -1, .since_ms = filter->since_ms};
    if (filter->annotator) {
        ret->annotator = fd_annotators_find(engine->annotators, filter->annotator);
        if (ret->annotator == FD_NOBODY)
            return false;
    }
    FD_READ_LOCKED(&engine->state_lock);
    const fd_item_table *items = &engine->items;
    return find_item(items, filter->a, &ret->a) && find_item(items, filter->b, &ret->b) &&
           find_prompt(items, filter->prompt_id, &ret->prompt);
}

static bool is_wanted_locked(const fd_engine *engine, const struct wanted *wanted,
                             const fd_label_revision *revision) {
    const fi_pair pair = revision->pair;
    if ((wanted->annotator != FD_NOBODY && wanted->annotator != revision->annotator) ||
        (wanted->a >= 0 && wanted->a != pair.a) || (wanted->b >= 0 && wanted->b != pair.b) ||
        revision->created_ms < wanted->since_ms)
        return false;
    return wanted->prompt < 0 || engine->items.entries[pair.a].prompt == wanted->prompt ||
           engine->items.entries[pair.b].prompt == wanted->prompt;
}

/* Looks at the next revisions. */
static void walk(fd_engine *engine, const struct wanted *wanted, size_t limit, int64_t *sequences,
                 fd_labels_found *found) {
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < EXAMINED_AT_ONCE && found->n < limit; i++) {
        found->is_all = (size_t)found->end >= engine->labels.count;
        if (found->is_all)
            return;
        const fd_label_revision *revision = &engine->labels.revisions[found->end++];
        if (is_wanted_locked(engine, wanted, revision))
            sequences[found->n++] = found->end;
    }
    found->is_all = (size_t)found->end >= engine->labels.count;
}

fd_labels_found fd_engine_labels_find(fd_engine *engine, const fd_label_filter *filter,
                                      int64_t after, size_t limit, int64_t *sequences) {
    fd_labels_found found = {.end = after};
    struct wanted wanted;
    found.is_all = !look_up(engine, filter, &wanted);
    while (!found.is_all && found.n < limit && found.end - after < EXAMINED_MAX)
        walk(engine, &wanted, limit, sequences, &found);
    return found;
}
