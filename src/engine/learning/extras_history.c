/* Keeps when items and scores came, and finds what was there at a moment. */
#include "extras_history.h"

#include <errno.h>
#include <stdlib.h>

#include "array.h"

/* Threads take the time a little before the writer stores a row, and a training reads its data
 * before its own time begins. */
enum { SLACK_MS = 1000 };

void fd_extras_history_clear(fd_extras_history *history) {
    free(history->item_ms);
    free(history->changes);
}

int fd_extras_history_add_item(fd_extras_history *history, int64_t created_ms) {
    size_t n = history->n_items;
    int r = fd_array_reserve(&history->item_ms, &history->item_capacity, n + 1,
                             sizeof(*history->item_ms));
    if (r < 0)
        return r;
    history->went_back |= n > 0 && created_ms < history->item_ms[n - 1] - SLACK_MS;
    history->item_ms[history->n_items++] = created_ms;
    return 0;
}

int fd_extras_history_add_score(fd_extras_history *history, const fd_score_row *row) {
    size_t n = history->n_changes;
    uint32_t name;
    if (row->item >= history->n_items)
        return -EBADMSG;
    int r = fd_score_names_take(&history->names, &history->names.count, row->name, &name);
    if (r == 0)
        r = fd_array_reserve(&history->changes, &history->change_capacity, n + 1,
                             sizeof(*history->changes));
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    history->went_back |= n > 0 && row->set_ms < history->changes[n - 1].set_ms - SLACK_MS;
    history->changes[history->n_changes++] = (fd_score_change){
        .item = row->item, .name = name, .value = row->value, .set_ms = row->set_ms};
    return 0;
}

/* ---- moments ---- */

/* All before the first one that came later. */
static fd_moment surely_before(const fd_extras_history *history, int64_t ms) {
    fd_moment moment = {0};
    while (moment.items < history->n_items && history->item_ms[moment.items] <= ms)
        moment.items++;
    while (moment.changes < history->n_changes && history->changes[moment.changes].set_ms <= ms)
        moment.changes++;
    return moment;
}

/* All up to the last one that did not come later. */
static fd_moment perhaps_before(const fd_extras_history *history, int64_t ms) {
    fd_moment moment = fd_extras_history_now(history);
    while (moment.items > 0 && history->item_ms[moment.items - 1] > ms)
        moment.items--;
    while (moment.changes > 0 && history->changes[moment.changes - 1].set_ms > ms)
        moment.changes--;
    return moment;
}

void fd_extras_history_find(const fd_extras_history *history, const fd_model_row *model,
                            fd_moment *ret_early, fd_moment *ret_late) {
    double ms = model->seconds > 0.0 ? 1e3 * model->seconds : 0.0;
    *ret_late = perhaps_before(history, model->created_ms);
    *ret_early = surely_before(history, model->created_ms - (int64_t)ms - SLACK_MS);
    if (ret_early->items > ret_late->items)
        ret_early->items = ret_late->items;
    if (ret_early->changes > ret_late->changes)
        ret_early->changes = ret_late->changes;
}

fd_moment fd_extras_history_now(const fd_extras_history *history) {
    return (fd_moment){history->n_items, history->n_changes};
}

int fd_extras_history_scores(const fd_extras_history *history, fd_moment moment,
                             fd_score_table *ret) {
    ret->names = history->names;
    int r = 0;
    for (size_t i = 0; i < moment.changes && r == 0; i++) {
        const fd_score_change *change = &history->changes[i];
        r = fd_score_table_reserve(ret, change->name, change->item);
        if (r == 0)
            fd_score_table_set(ret, change->name, change->item, change->value);
    }
    return r;
}
