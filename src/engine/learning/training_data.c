/* What a training reads: copies and references of its own. */
#include <errno.h>
#include <string.h>

#include "engine_private.h"

void fd_training_data_clear(fd_training_data *lesson) {
    fd_snapshot_free(lesson->snapshot);
    fd_growing_matrix_free(lesson->embeddings);
    free(lesson->answers);
}

int fd_training_data_read(fd_engine *engine, fd_training_data *ret) {
    int r = 0;
    (void)pthread_rwlock_rdlock(&engine->state_lock);
    ret->n_answers = engine->answers.count;
    if (engine->snapshot && ret->n_answers > 0) {
        ret->n_items = engine->items.count;
        ret->snapshot = fd_snapshot_reference(engine->snapshot);
        ret->embeddings = fd_growing_matrix_reference(engine->embeddings);
        ret->answers = malloc(ret->n_answers * sizeof(*ret->answers));
        if (ret->answers)
            memcpy(ret->answers, engine->answers.answers, ret->n_answers * sizeof(*ret->answers));
        else
            r = -ENOMEM;
    }
    (void)pthread_rwlock_unlock(&engine->state_lock);
    return r;
}

uint64_t fd_labels_counting(const fd_label_revision *answers, size_t n) {
    int64_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += answers[i].information;
    return (uint64_t)count;
}

void fd_training_set_clear(fd_training_set *set) {
    free(set->pairs);
    free(set->targets);
}

int fd_training_set_fill(const fd_training_data *lesson, size_t first, bool held_out, uint16_t arm,
                         fd_training_set *ret) {
    FD_FREE uint8_t *newest = calloc(lesson->n_answers + 1, sizeof(*newest));
    ret->pairs = calloc(lesson->n_answers, sizeof(*ret->pairs));
    ret->targets = calloc(lesson->n_answers, sizeof(*ret->targets));
    if (!newest || !ret->pairs || !ret->targets)
        return -ENOMEM;
    for (size_t i = 0; i < lesson->n_answers; i++)
        newest[lesson->answers[i].label] = lesson->answers[i].preference;
    size_t count = 0;
    for (size_t i = 0; i < lesson->n_answers; i++) {
        const fd_label_revision *answer = &lesson->answers[i];
        fd_preference preference = (fd_preference)newest[i];
        if (answer->label != i || i < first || answer->held_out != held_out ||
            !fd_preference_counts(preference))
            continue;
        if (arm != FD_ORIGIN_NONE && !(answer->origin & arm))
            continue;
        ret->pairs[count] = answer->pair;
        ret->targets[count++] = fd_preference_probability(preference);
    }
    ret->answers = (fi_answers){count, ret->pairs, ret->targets};
    return 0;
}
