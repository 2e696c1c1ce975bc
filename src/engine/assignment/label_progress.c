/* Counts the labels of one annotator. */
#include "label_progress.h"

#include "engine_state.h"
#include "thread.h"

/* Revisions that are looked at once: labels wait meanwhile. */
enum { LOOKED_AT_ONCE = 32768 };

/* Looks at revisions for a moment; false after the last one. */
static bool count_some(fd_engine *engine, uint32_t annotator, int64_t from_ms, size_t *next,
                       fd_label_progress *progress) {
    FD_READ_LOCKED(&engine->state_lock);
    const fd_label_table *labels = &engine->labels;
    size_t end = *next + LOOKED_AT_ONCE < labels->count ? *next + LOOKED_AT_ONCE : labels->count;
    for (size_t i = *next; i < end; i++) {
        const fd_label_revision *revision = &labels->revisions[i];
        if (revision->annotator != annotator || revision->label != i ||
            revision->newest == FD_PREFER_RETRACTED)
            continue;
        progress->own++;
        progress->own_since += revision->created_ms >= from_ms;
    }
    *next = end;
    return end < labels->count;
}

static uint64_t count_project(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    uint64_t count = 0;
    for (size_t i = 0; i < FD_PREFER_RETRACTED; i++)
        count += engine->labels.by_preference[i];
    return count;
}

fd_label_progress fd_engine_label_progress(fd_engine *engine, const char *annotator,
                                           int64_t from_ms) {
    fd_label_progress progress = {0};
    uint32_t number = fd_annotators_find(engine->annotators, annotator);
    size_t next = 0;
    while (number != FD_NOBODY && count_some(engine, number, from_ms, &next, &progress))
        continue;
    progress.project = count_project(engine);
    return progress;
}
