/* Reads labels from memory together with their items. */
#include "memory_labelled_pairs.h"

#include <errno.h>

struct pair_reading {
    const fd_memory_items *items;
    int64_t after;
    size_t left; /* pairs that may still be visited */
    bool texts;
    fd_labelled_pair_visit *visit;
    void *context;
    int64_t *newest; /* of the label whose revision 0 has this sequence: that of the newest one */
};

static int note_newest(void *context, const fd_label_row *row) {
    struct pair_reading *reading = context;
    reading->newest[row->original] = row->sequence;
    return 0;
}

/* Items never change, so that a row may be kept. */
static int keep_item(void *context, const fd_item_row *row) {
    fd_item_row *ret = context;
    *ret = (fd_item_row){.index = row->index,
                         .id = row->id,
                         .prompt_id = row->prompt_id,
                         .prompt = row->prompt,
                         .response = row->response,
                         .metadata = row->metadata};
    return 0;
}

static int read_item(const struct pair_reading *reading, uint32_t index, fd_item_row *ret) {
    int r = fd_memory_items_read(reading->items, index, 1, false, keep_item, ret);
    if (!reading->texts)
        ret->prompt = ret->response = ret->metadata = NULL;
    return r;
}

static int visit_with_items(const struct pair_reading *reading, const fd_label_row *row) {
    fd_labelled_pair pair = {.label = *row};
    int r = read_item(reading, row->item_a, &pair.a);
    if (r == 0)
        r = read_item(reading, row->item_b, &pair.b);
    return r < 0 ? r : reading->visit(reading->context, &pair);
}

static int visit_newest(void *context, const fd_label_row *row) {
    struct pair_reading *reading = context;
    if (row->sequence <= reading->after || reading->newest[row->original] != row->sequence ||
        reading->left == 0)
        return 0;
    reading->left--;
    return visit_with_items(reading, row);
}

int fd_memory_labelled_pairs_read(const fd_memory_items *items, const fd_memory_labels *labels,
                                  int64_t after, int64_t moment, size_t limit, bool texts,
                                  fd_labelled_pair_visit *visit, void *context) {
    if (moment <= 0)
        return 0;
    FD_FREE int64_t *newest = calloc((size_t)moment + 1, sizeof(*newest));
    if (!newest)
        return -ENOMEM;
    struct pair_reading reading = {items, after, limit, texts, visit, context, newest};
    int r = fd_memory_labels_read(labels, 0, (size_t)moment, note_newest, &reading);
    return r < 0 ? r : fd_memory_labels_read(labels, 0, (size_t)moment, visit_newest, &reading);
}

static int visit_row(void *context, const fd_label_row *row) {
    return visit_with_items(context, row);
}

int fd_memory_revision_read(const fd_memory_items *items, const fd_memory_labels *labels,
                            int64_t sequence, fd_labelled_pair_visit *visit, void *context) {
    struct pair_reading reading = {.items = items, .visit = visit, .context = context};
    return sequence < 1 ? 0 : fd_memory_labels_read(labels, sequence - 1, 1, visit_row, &reading);
}
