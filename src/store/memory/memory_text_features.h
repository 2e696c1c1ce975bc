/* Text features in memory: unlike other rows they may be replaced, so readers get copies. */
#ifndef FD_MEMORY_TEXT_FEATURES_H
#define FD_MEMORY_TEXT_FEATURES_H

#include <pthread.h>

#include "store.h"

struct fd_memory_counted;

typedef struct fd_memory_text_features {
    pthread_rwlock_t *lock; /* the store's */
    size_t capacity;
    struct fd_memory_counted **by_item; /* [capacity], each may be NULL; guarded by the lock */
    struct fd_memory_counted *written;  /* since the last commit, the newest first; the writer's */
} fd_memory_text_features;

/* -EINVAL if an item is not among the first n_items; then nothing is written. */
int fd_memory_text_features_write(fd_memory_text_features *features, size_t n_items,
                                  const fd_text_features_row *rows, size_t n) FD_MUST_CHECK;

/* Called with the lock held; cannot fail. */
void fd_memory_text_features_commit(fd_memory_text_features *features);

/* Forgets what was written since the last commit about all but the first `keep` items. */
void fd_memory_text_features_drop(fd_memory_text_features *features, size_t keep);

/* A copy of an item's features, which the caller frees; *ret is NULL if it has none. */
int fd_memory_text_features_copy(const fd_memory_text_features *features, size_t index,
                                 fd_text_features_row **ret) FD_MUST_CHECK;

void fd_memory_text_features_clear(fd_memory_text_features *features);

#endif
