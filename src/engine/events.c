/* Finds what is new by comparing positions, and waits for it. */
#include "events.h"

#include <errno.h>

#include "array.h"
#include "change_signal.h"
#include "clock.h"
#include "engine_state.h"
#include "model_serving.h"
#include "model_versions.h"
#include "thread.h"

/* How often a waiting client is looked after, in seconds. */
static const double ask_seconds = 0.25;

const char *const fd_event_type_names[] = {"label", "model", "project", NULL};

/* ---- positions ---- */

fd_event_position fd_engine_event_position(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return (fd_event_position){
        .labels = (int64_t)engine->labels.count,
        .models = fd_model_serving_newest(engine),
        .serving = engine->snapshot ? engine->snapshot->served->row.version : 0,
        .project = engine->project.version,
    };
}

bool fd_event_position_has_news(const fd_event_position *known, const fd_event_position *now,
                                unsigned types) {
    return ((types & 1u << FD_EVENT_LABEL) && now->labels > known->labels) ||
           ((types & 1u << FD_EVENT_MODEL) &&
            (now->models > known->models || now->serving != known->serving)) ||
           ((types & 1u << FD_EVENT_PROJECT) && now->project > known->project);
}

bool fd_event_position_is_ahead(const fd_event_position *known, const fd_event_position *now) {
    return known->labels > now->labels || known->models > now->models ||
           known->serving > now->models || known->project > now->project;
}

void fd_engine_await_news(fd_engine *engine, const fd_event_position *known, unsigned types,
                          double seconds, bool (*is_awaited)(void *), void *context) {
    double deadline = fd_monotonic_seconds() + seconds;
    while (!atomic_load(&engine->interrupted) && is_awaited(context)) {
        uint64_t count = fd_change_signal_count(engine);
        fd_event_position now = fd_engine_event_position(engine);
        double left = deadline - fd_monotonic_seconds();
        if (fd_event_position_has_news(known, &now, types) || left <= 0)
            return;
        fd_change_signal_wait(engine, count, left < ask_seconds ? left : ask_seconds);
    }
}

/* ---- events ---- */

struct reading {
    fd_event_position position; /* of the last event of each type */
    fd_event_position now;
    fd_event_visit *visit;
    void *context;
    int result; /* of the visit */

    fd_model_row *models; /* [n_models] of a part, the newest first; without reasons and bytes */
    size_t n_models, capacity;
};

static void reading_clear(struct reading *reading) {
    free(reading->models);
}

static int pass_on(struct reading *reading, const fd_event *event) {
    fd_event passed = *event;
    passed.position = reading->position;
    reading->result = reading->visit(reading->context, &passed);
    return reading->result;
}

static int visit_label(void *context, const fd_label_view *label) {
    struct reading *reading = context;
    if (label->row->sequence > reading->now.labels)
        return 1;
    reading->position.labels = label->row->sequence;
    return pass_on(
        reading,
        &(fd_event){.type = FD_EVENT_LABEL, .time_ms = label->row->created_ms, .label = label});
}

static int read_labels(fd_engine *engine, struct reading *reading, size_t limit) {
    return fd_engine_labels_read(engine, reading->position.labels, limit, visit_label, reading);
}

/* Versions come the newest first. */
static int collect_model(void *context, const fd_model_row *row) {
    struct reading *reading = context;
    if (row->version <= reading->position.models)
        return 1;
    int r = fd_array_reserve(&reading->models, &reading->capacity, reading->n_models + 1,
                             sizeof(*reading->models));
    if (r < 0)
        return r;
    reading->models[reading->n_models] = *row;
    reading->models[reading->n_models++].reason = NULL;
    return 0;
}

static int tell_models(struct reading *reading) {
    while (reading->n_models > 0) {
        const fd_model_row *row = &reading->models[--reading->n_models];
        reading->position.models = row->version;
        if (row->state == FD_MODEL_ACTIVE)
            reading->position.serving = row->version;
        int r = pass_on(
            reading, &(fd_event){.type = FD_EVENT_MODEL, .time_ms = row->created_ms, .model = row});
        if (r != 0)
            return r;
    }
    return 0;
}

/* Another version serves than the one that the new versions tell. */
static int tell_serving(struct reading *reading) {
    const fd_model_row row = {.version = reading->now.serving, .state = FD_MODEL_ACTIVE};
    if (reading->position.serving == row.version)
        return 0;
    reading->position.serving = row.version;
    return pass_on(reading, &(fd_event){.type = FD_EVENT_MODEL, .time_ms = -1, .model = &row});
}

/* The store reads downwards from a version, and old versions may be missing: part by part, each
 * with the next `limit` versions. */
static int read_models(fd_engine *engine, struct reading *reading, size_t limit) {
    size_t told = 0;
    while (reading->position.models < reading->now.models && told < limit) {
        uint64_t left = reading->now.models - reading->position.models;
        uint64_t highest = reading->position.models + (left < limit - told ? left : limit - told);
        reading->n_models = 0;
        int r = fd_engine_models_read(engine, highest, limit, collect_model, reading);
        told += reading->n_models;
        if (r >= 0)
            r = tell_models(reading);
        if (r != 0)
            return r;
        reading->position.models = highest;
    }
    return reading->position.models == reading->now.models && told < limit ? tell_serving(reading)
                                                                           : 0;
}

static int read_project(fd_engine *engine, struct reading *reading) {
    fd_project_state project;
    if (reading->now.project <= reading->position.project)
        return 0;
    fd_engine_project(engine, &project);
    reading->position.project = project.version;
    return pass_on(
        reading,
        &(fd_event){.type = FD_EVENT_PROJECT, .time_ms = project.created_ms, .project = &project});
}

int fd_engine_events_read(fd_engine *engine, const fd_event_position *known,
                          const fd_event_position *now, unsigned types, size_t limit,
                          fd_event_visit *visit, void *context) {
    FD_CLEANUP(reading_clear)
    struct reading reading = {.position = *known, .now = *now, .visit = visit, .context = context};
    int r = 0;
    if (types & 1u << FD_EVENT_LABEL)
        r = read_labels(engine, &reading, limit);
    if (r >= 0 && reading.result == 0 && (types & 1u << FD_EVENT_MODEL))
        r = read_models(engine, &reading, limit);
    if (r >= 0 && reading.result == 0 && (types & 1u << FD_EVENT_PROJECT))
        r = read_project(engine, &reading);
    return r < 0 ? r : reading.result;
}
