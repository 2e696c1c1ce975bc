/* Keeps what the labels of a database say, to tell a repeat from another answer. */
#include "import_known_labels.h"

#include <errno.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct fd_known_label {
    char *id;
    char *annotator;
    uint32_t item_a;
    uint32_t item_b;
    fd_preference preference;
    UT_hash_handle hh;
};

static void free_label(struct fd_known_label *label) {
    free(label->id);
    free(label->annotator);
    free(label);
}

void fd_known_labels_clear(fd_known_labels *labels) {
    struct fd_known_label *label, *next;
    HASH_ITER(hh, labels->list, label, next) {
        HASH_DEL(labels->list, label);
        free_label(label);
    }
    *labels = (fd_known_labels){0};
}

static int add(fd_known_labels *labels, const fd_label_row *row) {
    struct fd_known_label *label = calloc(1, sizeof(*label));
    if (!label)
        return -ENOMEM;
    label->id = strdup(row->id);
    label->annotator = strdup(row->annotator);
    label->item_a = row->item_a;
    label->item_b = row->item_b;
    label->preference = row->preference;
    if (label->id && label->annotator) {
        HASH_ADD_KEYPTR(hh, labels->list, label->id, strlen(label->id), label);
        if (label->hh.tbl)
            return 0;
    }
    free_label(label);
    return -ENOMEM;
}

int fd_known_labels_note(fd_known_labels *labels, const fd_label_row *row) {
    struct fd_known_label *label;
    HASH_FIND_STR(labels->list, row->id, label);
    if (!label)
        return add(labels, row);
    label->preference = row->preference;
    return 0;
}

static int visit(void *context, const fd_label_row *row) {
    return fd_known_labels_note(context, row);
}

int fd_known_labels_read(fd_known_labels *labels, fd_store *store) {
    if (labels->is_read)
        return 0;
    labels->is_read = true;
    return store->operations->labels_read(store, 0, SIZE_MAX, visit, labels);
}

int fd_known_labels_compare(const fd_known_labels *labels, const fd_label_row *row) {
    struct fd_known_label *label;
    HASH_FIND_STR(labels->list, row->id, label);
    if (!label)
        return -ENOENT;
    return label->item_a == row->item_a && label->item_b == row->item_b &&
                   label->preference == row->preference &&
                   strcmp(label->annotator, row->annotator) == 0
               ? 0
               : -EEXIST;
}
