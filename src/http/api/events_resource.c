/* GET /v1/events: what is new since a cursor, once there is something new. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "events.h"
#include "handlers.h"
#include "json_write.h"
#include "limiter.h"
#include "problem.h"

enum { WAIT_MAX = 30 }; /* seconds */

struct events_query {
    const char *cursor;
    const char *types;
    int64_t wait;
    int64_t limit;
};

static const fd_parameter events_parameters[] = {
    {"cursor", FD_PARAMETER_TEXT, .offset = offsetof(struct events_query, cursor)},
    {"types", FD_PARAMETER_TEXT, .offset = offsetof(struct events_query, types)},
    {"wait", FD_PARAMETER_INTEGER, .offset = offsetof(struct events_query, wait), .max = WAIT_MAX},
    {"limit", FD_PARAMETER_INTEGER, .offset = offsetof(struct events_query, limit), .min = 1,
     .max = FD_PAGE_LIMIT_MAX},
};

/* ---- what is asked ---- */

/* The number at *at, which then points behind it; false if there is none. */
static bool read_number(const char **at, uint64_t *ret) {
    char *end;
    if (**at < '0' || **at > '9')
        return false;
    errno = 0;
    *ret = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0 && *ret <= INT64_MAX;
}

/* Four numbers, or "0", which is before the first event. */
static bool read_cursor(const char *text, fd_event_position *ret) {
    uint64_t numbers[4] = {0};
    if (strcmp(text, "0") == 0) {
        *ret = (fd_event_position){0};
        return true;
    }
    for (size_t i = 0; i < FD_LENGTH(numbers); i++) {
        if ((i > 0 && *text++ != '-') || !read_number(&text, &numbers[i]))
            return false;
    }
    *ret = (fd_event_position){(int64_t)numbers[0], numbers[1], numbers[2], numbers[3]};
    return *text == '\0';
}

/* A list with commas; no list, as no types, are all of them. */
static bool read_types(const char *list, unsigned *ret) {
    *ret = list ? 0 : (1u << FD_EVENT_TYPES) - 1;
    while (list && *list != '\0') {
        size_t size = strcspn(list, ","), type = 0;
        while (type < FD_EVENT_TYPES && (strlen(fd_event_type_names[type]) != size ||
                                         strncmp(list, fd_event_type_names[type], size) != 0))
            type++;
        if (type == FD_EVENT_TYPES)
            return false;
        *ret |= 1u << type;
        list += size + (list[size] == ',');
    }
    return *ret != 0;
}

/* ---- the events of a page ---- */

struct told {
    int64_t time_ms;
    fd_event_type type;
    fd_event_position position;
    json_t *json;
};

struct page {
    struct told *told;
    size_t n, capacity;
};

static void page_clear(struct page *page) {
    for (size_t i = 0; i < page->n; i++)
        json_decref(page->told[i].json);
    free(page->told);
}

static json_t *event_json(const fd_event *event) {
    json_t *time = event->time_ms < 0 ? json_null() : fd_json_time(event->time_ms);
    const char *type = fd_event_type_names[event->type];
    if (event->type == FD_EVENT_LABEL)
        return json_pack("{s:s, s:o, s:s, s:I, s:s, s:s, s:s, s:s, s:s?}", "type", type, "time",
                         time, "id", event->label->row->id, "revision",
                         (json_int_t)event->label->row->revision, "preference",
                         fd_preference_name(event->label->row->preference), "a", event->label->a,
                         "b", event->label->b, "annotator", event->label->row->annotator,
                         "assignment", event->label->row->assignment);
    if (event->type == FD_EVENT_MODEL)
        return json_pack("{s:s, s:o, s:I, s:s}", "type", type, "time", time, "version",
                         (json_int_t)event->model->version, "state",
                         fd_model_state_name(event->model->state));
    const char *author = event->project->author[0] != '\0' ? event->project->author : NULL;
    return json_pack("{s:s, s:o, s:I, s:s?}", "type", type, "time", time, "version",
                     (json_int_t)event->project->version, "author", author);
}

static int add_event(void *context, const fd_event *event) {
    struct page *page = context;
    int r = fd_array_reserve(&page->told, &page->capacity, page->n + 1, sizeof(*page->told));
    json_t *json = r == 0 ? event_json(event) : NULL;
    if (!json)
        return -ENOMEM;
    int64_t time = event->time_ms < 0 ? INT64_MAX : event->time_ms;
    page->told[page->n++] = (struct told){time, event->type, event->position, json};
    return 0;
}

/* By time; of one type in their own order, also where the clock was set back. */
static void sort_by_time(struct page *page) {
    int64_t latest[FD_EVENT_TYPES] = {0};
    for (size_t i = 0; i < page->n; i++) {
        struct told told = page->told[i];
        if (told.time_ms < latest[told.type])
            told.time_ms = latest[told.type];
        latest[told.type] = told.time_ms;
        size_t at = i;
        for (; at > 0 && page->told[at - 1].time_ms > told.time_ms; at--)
            page->told[at] = page->told[at - 1];
        page->told[at] = told;
    }
}

/* How far a client is that is told the first `n` events. */
static fd_event_position position_after(const struct page *page, size_t n, unsigned types,
                                        const fd_event_position *known,
                                        const fd_event_position *now, size_t limit) {
    fd_event_position position = *known;
    for (size_t i = 0; i < n; i++) {
        const fd_event_position *told = &page->told[i].position;
        if (page->told[i].type == FD_EVENT_LABEL)
            position.labels = told->labels;
        else if (page->told[i].type == FD_EVENT_PROJECT)
            position.project = told->project;
        else
            position.models = told->models, position.serving = told->serving;
    }
    /* These were all: versions that the store has dropped meanwhile count as told. */
    if (page->n < limit && (types & 1u << FD_EVENT_MODEL))
        position.models = now->models, position.serving = now->serving;
    return position;
}

static void respond(fd_response *response, const struct page *page, size_t n,
                    const fd_event_position *position) {
    char cursor[96];
    json_t *events = json_array();
    for (size_t i = 0; events && i < n; i++)
        if (json_array_append(events, page->told[i].json) < 0)
            json_decref(FD_STEAL(events));
    (void)snprintf(cursor, sizeof(cursor), "%lld-%llu-%llu-%llu", (long long)position->labels,
                   (unsigned long long)position->models, (unsigned long long)position->serving,
                   (unsigned long long)position->project);
    fd_json_respond(response, 200,
                    json_pack("{s:o, s:s}", "events", events, "next_cursor", cursor));
}

/* ---- GET /v1/events ---- */

/* False where the client shall come again, because too many wait already. */
static bool await_news(const fd_request *request, const fd_event_position *known, unsigned types,
                       int64_t wait) {
    double seconds = (double)wait < request->longest_wait ? (double)wait : request->longest_wait;
    if (fd_limiter_enter(request->waits, request->is_awaited, request->await_context) < 0)
        return false;
    fd_engine_await_news(request->engine, known, types, seconds, request->is_awaited,
                         request->await_context);
    fd_limiter_leave(request->waits);
    return true;
}

static void respond_with_news(const fd_request *request, fd_response *response,
                              const fd_event_position *known, unsigned types, size_t limit) {
    FD_CLEANUP(page_clear) struct page page = {0};
    fd_event_position now = fd_engine_event_position(request->engine);
    int r = fd_engine_events_read(request->engine, known, &now, types, limit, add_event, &page);
    if (r < 0) {
        fd_problem_of(response, r, NULL);
        return;
    }
    sort_by_time(&page);
    size_t n = page.n < limit ? page.n : limit;
    fd_event_position position = position_after(&page, n, types, known, &now, limit);
    respond(response, &page, n, &position);
}

void fd_events_get(const fd_request *request, fd_response *response) {
    struct events_query query = {.limit = FD_PAGE_LIMIT};
    unsigned types;
    if (!fd_query_accept(&request->query, events_parameters, FD_LENGTH(events_parameters), &query,
                         response))
        return;
    if (!read_types(query.types, &types)) {
        fd_problem(response, 400,
                   "query parameter \"types\" must be a list of label, model and project");
        return;
    }
    fd_event_position now = fd_engine_event_position(request->engine), known = now;
    if (query.cursor && !read_cursor(query.cursor, &known)) {
        fd_problem(response, 400,
                   "query parameter \"cursor\" must be the next_cursor of a response before, or 0");
        return;
    }
    if (fd_event_position_is_ahead(&known, &now)) {
        fd_problem(response, 409,
                   "the cursor is ahead of what is stored: it is of another database, or an older "
                   "one was restored");
        return;
    }
    bool has_waited = true;
    if (query.cursor && query.wait > 0 && !fd_event_position_has_news(&known, &now, types))
        has_waited = await_news(request, &known, types, query.wait);
    respond_with_news(request, response, &known, types, (size_t)query.limit);
    if (!has_waited)
        response->retry_after = 1;
}
