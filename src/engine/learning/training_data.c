/* Copies the labels of one moment, and chooses from them what a model learns from. */
#include "training_data.h"

#include <errno.h>
#include <string.h>

#include "assignment_id.h"
#include "engine_state.h"
#include "thread.h"

void fd_training_data_clear(fd_training_data *data) {
    fd_snapshot_free(data->snapshot);
    fd_growing_matrix_free(data->embeddings);
    free(data->revisions);
}

/* Takes what belongs to one moment. */
static void take_references(fd_engine *engine, fd_training_data *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    ret->n_revisions = engine->labels.count;
    if (!engine->snapshot || ret->n_revisions == 0)
        return;
    ret->n_items = engine->items.count;
    ret->snapshot = fd_snapshot_reference(engine->snapshot);
    ret->embeddings = fd_growing_matrix_reference(engine->embeddings);
}

/* Revisions that are copied at once: labels wait meanwhile. */
enum { REVISIONS_AT_ONCE = 4096 };

/* Revisions do not change once they are there, except for `newest`, which no training reads. */
static void copy_revisions(fd_engine *engine, size_t first, size_t end, fd_label_revision *to) {
    FD_READ_LOCKED(&engine->state_lock);
    memcpy(to + first, engine->labels.revisions + first, (end - first) * sizeof(*to));
}

int fd_training_data_read(fd_engine *engine, fd_training_data *ret) {
    take_references(engine, ret);
    size_t n = ret->n_revisions;
    if (!ret->snapshot)
        return 0;
    ret->revisions = malloc(n * sizeof(*ret->revisions));
    if (!ret->revisions)
        return -ENOMEM;
    for (size_t i = 0; i < n; i += REVISIONS_AT_ONCE)
        copy_revisions(engine, i, i + REVISIONS_AT_ONCE < n ? i + REVISIONS_AT_ONCE : n,
                       ret->revisions);
    return 0;
}

void fd_training_set_clear(fd_training_set *set) {
    free(set->pairs);
    free(set->targets);
}

int fd_training_set_fill(const fd_training_data *data, size_t first, bool held_out, uint16_t arm,
                         fd_training_set *ret) {
    FD_FREE uint8_t *newest = calloc(data->n_revisions + 1, sizeof(*newest));
    ret->pairs = calloc(data->n_revisions, sizeof(*ret->pairs));
    ret->targets = calloc(data->n_revisions, sizeof(*ret->targets));
    if (!newest || !ret->pairs || !ret->targets)
        return -ENOMEM;
    for (size_t i = 0; i < data->n_revisions; i++)
        newest[data->revisions[i].label] = data->revisions[i].preference;
    size_t count = 0;
    for (size_t i = first; i < data->n_revisions; i++) {
        const fd_label_revision *revision = &data->revisions[i];
        fd_preference preference = (fd_preference)newest[i];
        if (revision->label != i || revision->held_out != held_out ||
            !fd_preference_counts(preference))
            continue;
        if (arm != FD_ORIGIN_NONE && !(revision->origin & arm))
            continue;
        ret->pairs[count] = revision->pair;
        ret->targets[count++] = fd_preference_probability(preference);
    }
    ret->answers = (fi_answers){.count = count, .pairs = ret->pairs, .targets = ret->targets};
    return 0;
}
