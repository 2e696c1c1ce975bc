/* /v1/models: the stored model versions, and which one serves. */
#include "model_versions_resource.h"

#include <errno.h>

#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "model_versions.h"
#include "problem.h"

/* ---- one version ---- */

static json_t *version_or_null(uint64_t version) {
    return version > 0 ? json_integer((json_int_t)version) : json_null();
}

/* The figures of unseen labels beyond those that every version has. */
static json_t *baseline_json(const fd_unseen_figures *unseen) {
    json_int_t labels = unseen->length_labels > 0 ? (json_int_t)unseen->length_labels : 0;
    return json_pack("{s:I, s:o, s:o}", "length_labels", labels, "length_loss",
                     fd_json_real(unseen->length_loss), "length_accuracy",
                     fd_json_real(unseen->length_accuracy));
}

json_t *fd_model_figures_json(const fd_model_row *row) {
    json_t *scratch = row->scratch < 0 ? json_null() : json_boolean(row->scratch);
    bool trained = row->version > 0;
    json_t *figures = json_pack(
        "{s:I, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o}",
        "version", (json_int_t)row->version, "trained_at",
        trained ? fd_json_time(row->created_ms) : json_null(), "train_seconds",
        fd_json_real(row->seconds), "parent", version_or_null(row->parent), "scratch", scratch,
        "labels_used", (json_int_t)row->labels, "iterations", (json_int_t)row->iterations,
        "prior_precision", fd_json_real(row->prior_precision), "train_loss",
        fd_json_real(row->train_loss), "held_out_labels", (json_int_t)row->held_out_labels,
        "held_out_loss", fd_json_real(row->held_out_loss), "held_out_accuracy",
        fd_json_real(row->held_out_accuracy), "held_out_accuracy_low",
        fd_json_real(row->held_out_accuracy_low), "held_out_accuracy_high",
        fd_json_real(row->held_out_accuracy_high), "held_out_calibration_error",
        fd_json_real(row->held_out_calibration_error), "control_labels",
        (json_int_t)row->control_labels, "control_accuracy", fd_json_real(row->control_accuracy));
    FD_JSON json_t *baseline = baseline_json(&row->unseen);
    if (json_object_update(figures, baseline) < 0)
        json_decref(FD_STEAL(figures));
    return figures;
}

static json_t *version_json(const fd_model_row *row) {
    FD_JSON json_t *figures = fd_model_figures_json(row);
    json_t *version = json_pack("{s:I, s:s, s:s?}", "version", (json_int_t)row->version, "state",
                                fd_model_state_name(row->state), "reason", row->reason);
    if (json_object_update(version, figures) < 0)
        json_decref(FD_STEAL(version));
    return version;
}

/* Digits alone, without leading zeros, so that each version has one path. */
static bool read_version(const char *text, uint64_t *ret) {
    uint64_t version = 0;
    if (*text < '1' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(version, 10, &version) ||
            __builtin_add_overflow(version, (uint64_t)(*text - '0'), &version))
            return false;
    *ret = version;
    return *text == '\0' && version <= INT64_MAX;
}

static const char no_such_version[] = "there is no such model version";

bool fd_model_version_accept(const fd_request *request, fd_response *response, uint64_t *ret) {
    bool is_version = read_version(request->id, ret);
    if (!is_version)
        fd_problem(response, 404, no_such_version);
    return is_version;
}

/* ---- GET /v1/models ---- */

struct versions_query {
    int64_t limit;
    int64_t before; /* a version; 0: from the newest */
};

static const fd_parameter versions_parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, .offset = offsetof(struct versions_query, limit), .min = 1,
     .max = FD_PAGE_LIMIT_MAX},
    {"before", FD_PARAMETER_INTEGER, .offset = offsetof(struct versions_query, before), .min = 1,
     .max = FD_INTEGER_MAX},
};

struct page {
    json_t *rows;
    size_t limit;
    uint64_t last;
    bool more;
};

static int visit_version(void *context, const fd_model_row *row) {
    struct page *page = context;
    if (json_array_size(page->rows) == page->limit) {
        page->more = true;
        return 1;
    }
    page->last = row->version;
    return json_array_append_new(page->rows, version_json(row)) < 0 ? -ENOMEM : 0;
}

void fd_models_list(const fd_request *request, fd_response *response) {
    struct versions_query query = {.limit = FD_PAGE_LIMIT};
    if (!fd_query_accept(&request->query, versions_parameters, FD_LENGTH(versions_parameters),
                         &query, response))
        return;
    FD_JSON json_t *rows = json_array();
    struct page page = {.rows = rows, .limit = (size_t)query.limit};
    uint64_t highest = query.before > 0 ? (uint64_t)query.before - 1 : INT64_MAX;
    int r = fd_engine_models_read(request->engine, highest, page.limit + 1, visit_version, &page);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond(response, 200,
                        json_pack("{s:o, s:o}", "models", FD_STEAL(rows), "next_before",
                                  version_or_null(page.more ? page.last : 0)));
}

/* ---- GET /v1/models/{version}, POST /v1/models/{version}/activate ---- */

struct one {
    uint64_t version;
    json_t *json; /* NULL: no such version */
};

static int visit_one(void *context, const fd_model_row *row) {
    struct one *one = context;
    if (row->version != one->version)
        return 0;
    one->json = version_json(row);
    return one->json ? 0 : -ENOMEM;
}

static void respond_with_version(const fd_request *request, fd_response *response,
                                 uint64_t version) {
    struct one one = {.version = version};
    int r = fd_engine_models_read(request->engine, version, 1, visit_one, &one);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else if (!one.json)
        fd_problem(response, 404, no_such_version);
    else
        fd_json_respond(response, 200, one.json);
}

void fd_model_version_get(const fd_request *request, fd_response *response) {
    uint64_t version;
    if (fd_query_accept_none(&request->query, response) &&
        fd_model_version_accept(request, response, &version))
        respond_with_version(request, response, version);
}

void fd_model_activate(const fd_request *request, fd_response *response) {
    uint64_t version;
    if (!fd_query_accept_none(&request->query, response) ||
        !fd_model_version_accept(request, response, &version))
        return;
    fd_fault fault = {0};
    int r = fd_engine_model_activate(request->engine, version, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        respond_with_version(request, response, version);
}
