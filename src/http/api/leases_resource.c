/* /v1/leases: the open leases of all annotators, for administrators. */
#include <errno.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "lease_list.h"
#include "problem.h"

/* ---- GET /v1/leases ---- */

struct leases_query {
    int64_t limit;
    int64_t cursor; /* number of the last lease of the page before */
    const char *annotator;
};

#define AT(member) .offset = offsetof(struct leases_query, member)
static const fd_parameter leases_parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, AT(limit), .min = 1, .max = FD_PAGE_LIMIT_MAX},
    {"cursor", FD_PARAMETER_INTEGER, AT(cursor), .max = FD_INTEGER_MAX},
    {"annotator", FD_PARAMETER_TEXT, AT(annotator)},
};
static const fd_parameter end_parameters[] = {
    {"annotator", FD_PARAMETER_TEXT, AT(annotator)},
};
#undef AT

struct page {
    fd_json_text text;
    size_t limit;
    size_t most; /* bytes of the text but for the last row */
    int64_t last;
    bool more;
};

static void page_clear(struct page *page) {
    fd_json_text_clear(&page->text);
}

static int visit_lease(void *context, const fd_lease_view *lease) {
    struct page *page = context;
    if (page->text.rows == page->limit || page->text.size >= page->most) {
        page->more = true;
        return 1;
    }
    json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", lease->id, "annotator",
                            lease->annotator, "a", lease->a, "b", lease->b, "arm",
                            lease->control ? "control" : "active", "strategy", lease->strategy,
                            "expires_at", fd_json_time(lease->expires_ms));
    page->last = lease->number;
    return fd_json_text_add_row(&page->text, row);
}

void fd_leases_list(const fd_request *request, fd_response *response) {
    struct leases_query query = {.limit = FD_PAGE_LIMIT};
    if (!fd_query_accept(&request->query, leases_parameters, FD_LENGTH(leases_parameters), &query,
                         response))
        return;
    FD_CLEANUP(page_clear)
    struct page page = {.limit = (size_t)query.limit, .most = request->page_bytes};
    fd_json_text_add(&page.text, "{\"leases\":[");
    int r = fd_engine_leases_read(request->engine, query.annotator, query.cursor, page.limit + 1,
                                  visit_lease, &page);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond_page(response, &page.text, page.more, page.last);
}

/* ---- DELETE /v1/leases ---- */

void fd_leases_end(const fd_request *request, fd_response *response) {
    struct leases_query query = {0};
    if (!fd_query_accept(&request->query, end_parameters, FD_LENGTH(end_parameters), &query,
                         response))
        return;
    if (!query.annotator || query.annotator[0] == '\0') {
        fd_problem(response, 400, "query parameter \"annotator\" is required");
        return;
    }
    size_t n;
    int r = fd_engine_leases_end(request->engine, query.annotator, &n);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond(response, 200, json_pack("{s:I}", "returned", (json_int_t)n));
}
