/* GET /v1/export: labels in the formats of the field, page by page. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "export_format.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "labelled_pairs.h"
#include "problem.h"

enum {
    LIMIT = 1000,
    LIMIT_MAX = 10000,
    AT_ONCE = 500,        /* labels of one reading: the database's log waits for its end */
    EXAMINED_MAX = 20000, /* labels of one request, written or not */
};

struct export_query {
    fd_export_choices choices;
    int64_t since;
    int64_t limit;
    const char *cursor;
};

#define CHOICE(name)                                                                               \
    { #name, FD_PARAMETER_TEXT, .offset = offsetof(struct export_query, choices.name) }

static const fd_parameter export_parameters[] = {
    CHOICE(format),
    CHOICE(annotator),
    CHOICE(arm),
    CHOICE(ties),
    CHOICE(include),
    CHOICE(texts),
    {"since", FD_PARAMETER_TIME, .offset = offsetof(struct export_query, since),
     .max = FD_INTEGER_MAX},
    {"limit", FD_PARAMETER_INTEGER, .offset = offsetof(struct export_query, limit), .min = 1,
     .max = LIMIT_MAX},
    {"cursor", FD_PARAMETER_TEXT, .offset = offsetof(struct export_query, cursor)},
};

struct export_page {
    fd_export_settings settings;
    fd_json_text text;
    size_t limit;
    size_t most;    /* bytes of the text but for the last label */
    size_t written; /* labels */
    size_t visited; /* labels of one reading */
    int64_t last;   /* sequence of the last label that was looked at */
    bool is_full;
};

static void export_page_clear(struct export_page *page) {
    fd_json_text_clear(&page->text);
}

/* ---- the cursor: the last sequence, and before the end of a moment "-" and the moment ---- */

static bool read_number(const char **at, int64_t *ret) {
    const char *begin = *at;
    for (*ret = 0; **at >= '0' && **at <= '9'; (*at)++)
        if (__builtin_mul_overflow(*ret, 10, ret) || __builtin_add_overflow(*ret, **at - '0', ret))
            return false;
    return *at > begin;
}

/* Leaves *ret_moment where the cursor names none. A moment that has not come is now. */
static bool read_cursor(const char *text, int64_t *ret_after, int64_t *ret_moment) {
    int64_t moment = *ret_moment;
    if (!read_number(&text, ret_after) || (*text == '-' && (text++, !read_number(&text, &moment))))
        return false;
    if (moment < *ret_moment)
        *ret_moment = moment;
    return *text == '\0';
}

static void write_cursor(fd_response *response, const struct export_page *page, int64_t moment) {
    response->has_more = page->last < moment;
    if (response->has_more)
        (void)snprintf(response->next_cursor, sizeof(response->next_cursor), "%lld-%lld",
                       (long long)page->last, (long long)moment);
    else
        (void)snprintf(response->next_cursor, sizeof(response->next_cursor), "%lld",
                       (long long)page->last);
}

/* ---- a page ---- */

static int visit_pair(void *context, const fd_labelled_pair *pair) {
    struct export_page *page = context;
    const fd_export_sink sink = {fd_json_text_append, &page->text};
    fd_export_outcome outcome;
    page->is_full = page->written == page->limit || page->text.size >= page->most;
    if (page->is_full)
        return 1;
    if (fd_export_write(&page->settings, pair, &sink, &outcome) < 0)
        return -ENOMEM;
    page->written += outcome == FD_EXPORT_WRITTEN;
    page->visited++;
    page->last = pair->label.sequence;
    return 0;
}

static int fill_page(const fd_request *request, struct export_page *page, int64_t moment) {
    size_t examined = 0;
    do {
        const fd_labelled_pairs_query query = {
            .after = page->last, .moment = moment, .limit = AT_ONCE, .texts = page->settings.texts};
        page->visited = 0;
        if (!request->is_awaited(request->await_context))
            return -ECANCELED;
        int r = fd_engine_labelled_pairs_read(request->engine, &query, visit_pair, page);
        if (r < 0)
            return r;
        examined += page->visited;
        if (!page->is_full && page->visited < AT_ONCE && page->last < moment)
            page->last = moment;
    } while (!page->is_full && page->last < moment && examined < EXAMINED_MAX);
    return 0;
}

static int write_page(const fd_request *request, struct export_page *page, bool is_first,
                      int64_t moment) {
    const fd_export_sink sink = {fd_json_text_append, &page->text};
    if (is_first && fd_export_write_head(&page->settings, &sink) < 0)
        return -ENOMEM;
    return fill_page(request, page, moment);
}

/* ---- GET /v1/export ---- */

static bool read_settings(const struct export_query *query, fd_export_settings *ret,
                          fd_response *response) {
    char detail[sizeof(((fd_fault *)0)->detail)];
    const char *name;
    fd_fault fault = {0};
    int r = fd_export_settings_read(&query->choices, ret, &name, &fault);
    ret->since_ms = query->since;
    if (r == 0)
        return true;
    (void)snprintf(detail, sizeof(detail), "query parameter \"%s\" %.*s", name, 300, fault.detail);
    fd_problem(response, 400, detail);
    return false;
}

void fd_export_get(const fd_request *request, fd_response *response) {
    struct export_query query = {.limit = LIMIT};
    FD_CLEANUP(export_page_clear) struct export_page page = {.most = request->page_bytes};
    if (!fd_query_accept(&request->query, export_parameters, FD_LENGTH(export_parameters), &query,
                         response) ||
        !read_settings(&query, &page.settings, response))
        return;
    page.limit = (size_t)query.limit;
    int64_t moment = fd_engine_moment(request->engine);
    if (query.cursor && !read_cursor(query.cursor, &page.last, &moment)) {
        fd_problem(response, 400,
                   "query parameter \"cursor\" must be the X-Next-Cursor of a response before");
        return;
    }
    int r = write_page(request, &page, !query.cursor, moment);
    if (r < 0) {
        fd_problem_of(response, r, NULL);
        return;
    }
    fd_json_text_respond(response, 200, &page.text);
    if (response->status != 200)
        return;
    response->content_type = page.settings.format->content_type;
    write_cursor(response, &page, moment);
}
