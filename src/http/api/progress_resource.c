/* /v1/progress: an annotator's own counts, and the project's. */
#include <string.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "label_progress.h"
#include "problem.h"

struct progress_query {
    const char *annotator; /* NULL: the token's */
    int64_t from;          /* Unix milliseconds */
};

#define AT(member) .offset = offsetof(struct progress_query, member)
static const fd_parameter progress_parameters[] = {
    {"annotator", FD_PARAMETER_TEXT, AT(annotator)},
    {"from", FD_PARAMETER_TIME, AT(from), .max = FD_INTEGER_MAX},
};
#undef AT

/* False, with a response, unless the query names an annotator whose counts the client may see. */
static bool check_annotator(const fd_request *request, const char **annotator,
                            fd_response *response) {
    const char *bound = fd_request_bound_to(request);
    if (!*annotator)
        *annotator = bound;
    if (!*annotator)
        fd_problem(response, 400, "query parameter \"annotator\" is required");
    else if (bound && strcmp(bound, *annotator) != 0)
        fd_problem_coded(response, FD_PROBLEM_OTHER_ANNOTATOR,
                         "query parameter \"annotator\" must be the token's name, or left out");
    else
        return true;
    return false;
}

void fd_progress_get(const fd_request *request, fd_response *response) {
    struct progress_query query = {.from = 0};
    if (!fd_query_accept(&request->query, progress_parameters, FD_LENGTH(progress_parameters),
                         &query, response) ||
        !check_annotator(request, &query.annotator, response))
        return;
    fd_label_progress progress =
        fd_engine_label_progress(request->engine, query.annotator, query.from);
    fd_json_respond(response, 200,
                    json_pack("{s:s, s:{s:I, s:I}, s:{s:I}}", "annotator", query.annotator, "own",
                              "labels", (json_int_t)progress.own, "since",
                              (json_int_t)progress.own_since, "project", "labels",
                              (json_int_t)progress.project));
}
