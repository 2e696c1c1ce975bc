/* Text features in memory, by item: what was written lies in a list until the commit. */
#include "memory_text_features.h"

#include <errno.h>
#include <string.h>

#include "thread.h"

struct fd_memory_counted {
    struct fd_memory_counted *next;
    fd_text_features_row row; /* its values lie behind it */
};

/* `before` bytes, then the row, then its values. */
static void *copy_row(size_t before, const fd_text_features_row *row) {
    size_t bytes = row->count * sizeof(*row->values);
    char *memory = calloc(1, before + sizeof(*row) + bytes);
    if (!memory)
        return NULL;
    fd_text_features_row *copy = (fd_text_features_row *)(void *)(memory + before);
    *copy = *row;
    copy->values = (float *)(copy + 1);
    if (bytes > 0)
        memcpy(copy + 1, row->values, bytes);
    return memory;
}

static int make_room(fd_memory_text_features *features, size_t n_items) {
    size_t capacity = features->capacity > 0 ? features->capacity : 64;
    while (capacity < n_items)
        capacity *= 2;
    if (capacity == features->capacity)
        return 0;
    FD_WRITE_LOCKED(features->lock);
    void *grown = reallocarray(features->by_item, capacity, sizeof(*features->by_item));
    if (!grown)
        return -ENOMEM;
    features->by_item = grown;
    memset(features->by_item + features->capacity, 0,
           (capacity - features->capacity) * sizeof(*features->by_item));
    features->capacity = capacity;
    return 0;
}

int fd_memory_text_features_write(fd_memory_text_features *features, size_t n_items,
                                  const fd_text_features_row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (rows[i].index >= n_items)
            return -EINVAL;
    int r = make_room(features, n_items);
    for (size_t i = 0; i < n && r == 0; i++) {
        struct fd_memory_counted *counted =
            copy_row(offsetof(struct fd_memory_counted, row), &rows[i]);
        if (!counted)
            return -ENOMEM;
        counted->next = features->written;
        features->written = counted;
    }
    return r;
}

static void reverse(struct fd_memory_counted **list) {
    struct fd_memory_counted *reversed = NULL;
    for (struct fd_memory_counted *at = *list, *next; at; at = next) {
        next = at->next;
        at->next = reversed;
        reversed = at;
    }
    *list = reversed;
}

void fd_memory_text_features_commit(fd_memory_text_features *features) {
    reverse(&features->written);
    for (struct fd_memory_counted *at = features->written, *next; at; at = next) {
        next = at->next;
        free(features->by_item[at->row.index]);
        features->by_item[at->row.index] = at;
    }
    features->written = NULL;
}

void fd_memory_text_features_drop(fd_memory_text_features *features, size_t keep) {
    struct fd_memory_counted **link = &features->written;
    while (*link) {
        struct fd_memory_counted *at = *link;
        if (at->row.index < keep) {
            link = &at->next;
            continue;
        }
        *link = at->next;
        free(at);
    }
}

int fd_memory_text_features_copy(const fd_memory_text_features *features, size_t index,
                                 fd_text_features_row **ret) {
    FD_READ_LOCKED(features->lock);
    *ret = NULL;
    if (index >= features->capacity || !features->by_item[index])
        return 0;
    *ret = copy_row(0, &features->by_item[index]->row);
    return *ret ? 0 : -ENOMEM;
}

void fd_memory_text_features_clear(fd_memory_text_features *features) {
    fd_memory_text_features_drop(features, 0);
    for (size_t i = 0; i < features->capacity; i++)
        free(features->by_item[i]);
    free(features->by_item);
}
