/* Numbers the annotators and remembers their names. */
#include "annotators.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "array.h"
#include "hash.h"
#include "thread.h"

struct annotator {
    uint32_t number;
    UT_hash_handle hh;
    char name[];
};

struct fd_annotators {
    pthread_mutex_t lock;
    size_t count, capacity;       /* guarded by lock, like the next two */
    struct annotator **by_number; /* [count] */
    struct annotator *by_name;
};

int fd_annotators_new(fd_annotators **ret) {
    fd_annotators *annotators = calloc(1, sizeof(*annotators));
    if (!annotators)
        return -ENOMEM;
    (void)pthread_mutex_init(&annotators->lock, NULL);
    *ret = annotators;
    return 0;
}

void fd_annotators_free(fd_annotators *annotators) {
    HASH_CLEAR(hh, annotators->by_name);
    for (size_t i = 0; i < annotators->count; i++)
        free(annotators->by_number[i]);
    free(annotators->by_number);
    (void)pthread_mutex_destroy(&annotators->lock);
    free(annotators);
}

static int add(fd_annotators *annotators, const char *name, uint32_t *ret) {
    int r = fd_array_reserve(&annotators->by_number, &annotators->capacity, annotators->count + 1,
                             sizeof(*annotators->by_number));
    if (r < 0)
        return r;
    size_t length = strlen(name);
    struct annotator *annotator = calloc(1, sizeof(*annotator) + length + 1);
    if (!annotator)
        return -ENOMEM;
    memcpy(annotator->name, name, length);
    HASH_ADD_KEYPTR(hh, annotators->by_name, annotator->name, length, annotator);
    if (!annotator->hh.tbl) {
        free(annotator);
        return -ENOMEM;
    }
    annotator->number = (uint32_t)annotators->count;
    annotators->by_number[annotators->count++] = annotator;
    *ret = annotator->number;
    return 0;
}

int fd_annotators_get_or_add(fd_annotators *annotators, const char *name, uint32_t *ret) {
    FD_LOCKED(&annotators->lock);
    struct annotator *annotator;
    HASH_FIND_STR(annotators->by_name, name, annotator);
    if (!annotator)
        return add(annotators, name, ret);
    *ret = annotator->number;
    return 0;
}

uint32_t fd_annotators_find(fd_annotators *annotators, const char *name) {
    FD_LOCKED(&annotators->lock);
    struct annotator *annotator;
    HASH_FIND_STR(annotators->by_name, name, annotator);
    return annotator ? annotator->number : FD_NOBODY;
}

const char *fd_annotators_name(fd_annotators *annotators, uint32_t number) {
    FD_LOCKED(&annotators->lock);
    assert(number < annotators->count);
    return annotators->by_number[number]->name;
}

size_t fd_annotators_count(fd_annotators *annotators) {
    FD_LOCKED(&annotators->lock);
    return annotators->count;
}
