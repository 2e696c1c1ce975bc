/*
 * Events: what is new in the store since a position, for clients that follow it. Nothing is kept
 * for them. A position says how far a client has come in what the store keeps anyway, so it holds
 * after a restart too.
 */
#ifndef FD_EVENTS_H
#define FD_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "labels.h"
#include "macros.h"
#include "project.h"
#include "store_rows.h"

typedef enum fd_event_type {
    FD_EVENT_LABEL,   /* a revision of a label */
    FD_EVENT_MODEL,   /* a version was stored, or another one serves */
    FD_EVENT_PROJECT, /* the project has another version */
    FD_EVENT_TYPES
} fd_event_type;

extern const char *const fd_event_type_names[]; /* "label", …; NULL ends the list */

/* What is known of each type. */
typedef struct fd_event_position {
    int64_t labels;   /* revisions */
    uint64_t models;  /* the highest version that was stored */
    uint64_t serving; /* the version that serves */
    uint64_t project; /* its version */
} fd_event_position;

/* The position now. */
fd_event_position fd_engine_event_position(fd_engine *engine);

/* Whether `now` has events of one of the types (bits 1 << type) that are not known. */
bool fd_event_position_has_news(const fd_event_position *known, const fd_event_position *now,
                                unsigned types);

/* Whether `known` is beyond `now`, so that it belongs to another store, or to rows that are lost.
 */
bool fd_event_position_is_ahead(const fd_event_position *known, const fd_event_position *now);

/* Waits until there is news, for at most `seconds`. `is_awaited` is asked from time to time. Ends
 * early when that says no, and when the daemon stops. */
void fd_engine_await_news(fd_engine *engine, const fd_event_position *known, unsigned types,
                          double seconds, bool (*is_awaited)(void *context), void *context);

/* One event; only the member of its type is set. */
typedef struct fd_event {
    fd_event_type type;
    int64_t time_ms; /* -1: the store does not keep when a stored version began to serve */
    const fd_label_view *label;
    const fd_model_row *model;
    const fd_project_state *project;
    fd_event_position position; /* that tells this event, and those of its type before it */
} fd_event;

typedef int fd_event_visit(void *context, const fd_event *event);

/* Visits the events between the positions, of each type in its order, one type after another, at
 * most `limit` of each. Of the project there is the newest version alone. */
int fd_engine_events_read(fd_engine *engine, const fd_event_position *known,
                          const fd_event_position *now, unsigned types, size_t limit,
                          fd_event_visit *visit, void *context) FD_MUST_CHECK;

#endif
