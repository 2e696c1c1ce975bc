/* Reads and changes the settings of the project. */
#include "project.h"

#include <errno.h>

#include "engine_state.h"
#include "log.h"
#include "prior_scores.h"
#include "thread.h"
#include "writer.h"

/* The log names a trusted score that a larger share of the items misses. */
#define MISSING_MOST 0.05

struct change_project_job {
    fd_job job;
    fd_project_row row; /* its settings are the text of the next one */
    const fd_project_settings *settings;
};

static int store_project(fd_engine *engine, fd_job *job, fd_pending *pending) {
    struct change_project_job *change = (struct change_project_job *)job;
    (void)pending;
    return engine->store->operations->project_add(engine->store, &change->row);
}

static void apply_project(fd_engine *engine, fd_job *job) {
    struct change_project_job *change = (struct change_project_job *)job;
    fd_project_state_set(&engine->project, &change->row, change->settings);
    if (!engine->options.refit)
        engine->extra_changes++; /* only a training can learn of it */
}

void fd_engine_project(fd_engine *engine, fd_project_state *ret) {
    FD_READ_LOCKED(&engine->state_lock);
    *ret = engine->project;
}

/* Scores are rarely missing at random, so one that many items miss misleads. */
static void warn_of_missing_scores(fd_engine *engine, const fd_project_settings *settings) {
    fd_score_counts counts = fd_engine_score_counts(engine);
    for (size_t i = 0; i < counts.n; i++) {
        size_t missing = counts.items - counts.counts[i];
        if (fd_project_settings_trust(settings, counts.names[i]) != FD_TRUST_UNKNOWN &&
            (double)missing > MISSING_MOST * (double)counts.items)
            fd_log(FD_LOG_WARNING, "scores-missing", FD_STR("score", counts.names[i]),
                   FD_INT("missing", missing), FD_INT("items", counts.items));
    }
}

int fd_engine_project_change(fd_engine *engine, uint64_t base, const fd_project_settings *settings,
                             const char *author, fd_project_state *ret) {
    fd_engine_project(engine, ret);
    if (ret->version != base)
        return -EEXIST;
    if (fd_project_settings_are_same(&ret->settings, settings))
        return 0;
    FD_FREE char *text = fd_project_settings_print(settings);
    if (!text)
        return -ENOMEM;
    struct change_project_job change = {
        .job = {.store = store_project, .apply = apply_project},
        .row = {.version = base + 1,
                .author = author,
                .created_ms = fd_engine_now_ms(engine),
                .settings = text},
        .settings = settings,
    };
    int r = fd_writer_run(engine, &change.job);
    fd_engine_project(engine, ret);
    if (r == 0)
        warn_of_missing_scores(engine, settings);
    return r;
}
