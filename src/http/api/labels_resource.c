/* /v1/labels: adds, corrects, retracts and lists labels. */
#include <errno.h>

#include "correction_rate.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "label_search.h"
#include "labelled_pairs.h"
#include "labels.h"
#include "problem.h"

enum { LABELS_MAX = 10000 };

/* ---- POST /v1/labels ---- */

struct label_body {
    const char *id;
    const char *a;
    const char *b;
    int preference;
    const char *annotator;
    const char *assignment;
    int64_t duration_ms;
    const char *comment;
};

static const fd_field label_fields[] = {
    {"id", FD_FIELD_ID, .required = true, .offset = offsetof(struct label_body, id)},
    {"a", FD_FIELD_REFERENCE, .required = true, .offset = offsetof(struct label_body, a)},
    {"b", FD_FIELD_REFERENCE, .required = true, .offset = offsetof(struct label_body, b)},
    {"preference", FD_FIELD_ENUM, .required = true,
     .offset = offsetof(struct label_body, preference), .choices = fd_preference_names},
    {"annotator", FD_FIELD_ID, .offset = offsetof(struct label_body, annotator)},
    {"assignment", FD_FIELD_ID, .nullable = true,
     .offset = offsetof(struct label_body, assignment)},
    {"duration_ms", FD_FIELD_INTEGER, .nullable = true,
     .offset = offsetof(struct label_body, duration_ms), .max = FD_INTEGER_MAX},
    {"comment", FD_FIELD_TEXT, .nullable = true, .offset = offsetof(struct label_body, comment)},
};

struct labels_body {
    const json_t *labels;
};

static const fd_field labels_fields[] = {
    {"labels", FD_FIELD_ARRAY, .required = true, .offset = offsetof(struct labels_body, labels),
     .max = LABELS_MAX},
};

static int read_label(const fd_request *request, const json_t *value, const fd_path *at,
                      fd_label *ret, fd_fault *fault) {
    struct label_body body = {.duration_ms = -1};
    int r = fd_json_read(value, at, label_fields, FD_LENGTH(label_fields), &body, fault);
    if (r == 0)
        r = fd_request_check_annotator(request, at, &body.annotator, fault);
    *ret = (fd_label){
        .id = body.id,
        .a = body.a,
        .b = body.b,
        .preference = (fd_preference)body.preference,
        .annotator = body.annotator,
        .assignment = body.assignment,
        .duration_ms = body.duration_ms,
        .comment = body.comment,
    };
    return r;
}

static int add_labels(const fd_request *request, fd_added *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    struct labels_body body = {0};
    int r = fd_json_read_body(request->body, request->body_size, labels_fields,
                              FD_LENGTH(labels_fields), &root, &body, fault);
    if (r < 0)
        return r;

    size_t n = json_array_size(body.labels);
    FD_FREE fd_label *labels = calloc(n ? n : 1, sizeof(*labels));
    if (!labels)
        return -ENOMEM;
    fd_path list = {.name = "labels"};
    bool stops = false;
    for (size_t i = 0; i < n && !stops; i++)
        stops =
            fd_fault_stops(fault,
                           read_label(request, json_array_get(body.labels, i),
                                      &(fd_path){.parent = &list, .index = i}, &labels[i], fault),
                           &r);
    if (r < 0)
        return r;
    const char *bound = fd_request_bound_to(request);
    return bound ? fd_engine_labels_add_assigned(request->engine, labels, n, bound, ret, fault)
                 : fd_engine_labels_add(request->engine, labels, n, ret, fault);
}

void fd_labels_add(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {.more = request->more_faults};
    fd_added added = {0};
    int r = add_labels(request, &added, &fault);
    /* An annotator learns neither which items and pairs exist nor which ids others have used. */
    if (r < 0 && added.is_foreign && fd_request_bound_to(request)) {
        fault = (fd_fault){0};
        r = fd_fault_set_at(&fault, -EINVAL, "labels", added.conflict, "id",
                            "has a pair that was not assigned to you, or an id that is taken");
    }
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    fd_json_respond(response, 200,
                    json_pack("{s:I, s:I}", "accepted", (json_int_t)added.created, "duplicates",
                              (json_int_t)added.unchanged));
}

/* ---- PUT and DELETE /v1/labels/{id} ---- */

struct correction_body {
    int preference;
    int64_t duration_ms;
    const char *comment;
};

static const fd_field correction_fields[] = {
    {"preference", FD_FIELD_ENUM, .required = true,
     .offset = offsetof(struct correction_body, preference), .choices = fd_preference_names},
    {"duration_ms", FD_FIELD_INTEGER, .nullable = true,
     .offset = offsetof(struct correction_body, duration_ms), .max = FD_INTEGER_MAX},
    {"comment", FD_FIELD_TEXT, .nullable = true,
     .offset = offsetof(struct correction_body, comment)},
};

static void revise(const fd_request *request, fd_response *response, fd_preference preference,
                   int64_t duration_ms, const char *comment) {
    uint32_t revision;
    unsigned wait;
    const char *bound = fd_request_bound_to(request);
    int r = bound ? fd_correction_rate_count(request->engine, bound, &wait) : 0;
    if (r == -EBUSY) {
        fd_problem_coded(response, FD_PROBLEM_TOO_MANY_CORRECTIONS,
                         "too many corrections in a minute");
        response->retry_after = wait;
        return;
    }
    /* Annotators' corrections of their own labels are not audited. */
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE && !bound;
    if (r == 0)
        r = fd_engine_label_revise(request->engine, request->id, bound, preference, duration_ms,
                                   comment, &revision);
    if (r == -ENOENT)
        fd_problem(response, 404, "there is no label with this id");
    else if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond(response, 200,
                        json_pack("{s:s, s:s, s:I}", "id", request->id, "preference",
                                  fd_preference_name(preference), "revision",
                                  (json_int_t)revision));
}

void fd_label_correct(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    FD_JSON json_t *root = NULL;
    fd_fault fault = {.more = request->more_faults};
    struct correction_body body = {.duration_ms = -1};
    int r = fd_json_read_body(request->body, request->body_size, correction_fields,
                              FD_LENGTH(correction_fields), &root, &body, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        revise(request, response, (fd_preference)body.preference, body.duration_ms, body.comment);
}

void fd_label_retract(const fd_request *request, fd_response *response) {
    if (fd_query_accept_none(&request->query, response))
        revise(request, response, FD_PREFER_RETRACTED, -1, NULL);
}

/* ---- GET /v1/labels and /v1/labels/{id} ---- */

struct labels_query {
    int64_t limit;
    int64_t cursor; /* sequence of the last label of the page before */
    fd_label_filter filter;
};

#define AT(member) .offset = offsetof(struct labels_query, member)
static const fd_parameter labels_parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, AT(limit), .min = 1, .max = FD_PAGE_LIMIT_MAX},
    {"cursor", FD_PARAMETER_INTEGER, AT(cursor), .max = FD_INTEGER_MAX},
    {"annotator", FD_PARAMETER_TEXT, AT(filter.annotator)},
    {"prompt_id", FD_PARAMETER_TEXT, AT(filter.prompt_id)},
    {"a", FD_PARAMETER_TEXT, AT(filter.a)},
    {"b", FD_PARAMETER_TEXT, AT(filter.b)},
    {"since", FD_PARAMETER_TIME, AT(filter.since_ms), .max = FD_INTEGER_MAX},
};
#undef AT

struct page {
    fd_json_text text;
    size_t limit;
    size_t most;  /* bytes of the text but for the last row */
    int64_t last; /* sequence of the last label on the page */
    bool more;
};

/* How the pair was chosen; null where that is not known. */
static json_t *choice_json(const fd_assignment_row *assignment) {
    if (!assignment->id)
        return json_pack("{s:n, s:n, s:n, s:n, s:n}", "arm", "p", "gain", "strategy",
                         "model_version");
    int64_t version = assignment->model_version;
    return json_pack("{s:s, s:o, s:o, s:s?, s:o}", "arm",
                     assignment->control ? "control" : "active", "p", fd_json_real(assignment->p),
                     "gain", fd_json_real(assignment->gain), "strategy", assignment->strategy,
                     "model_version", version < 0 ? json_null() : json_integer(version));
}

static json_t *label_json(const fd_labelled_pair *pair) {
    const fd_label_row *row = &pair->label;
    FD_JSON json_t *choice = choice_json(&pair->assignment);
    json_t *duration = row->duration_ms < 0 ? json_null() : json_integer(row->duration_ms);
    json_t *label = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:s?, s:I, s:o}", "id", row->id, "a", pair->a.id, "b",
        pair->b.id, "preference", fd_preference_name(row->preference), "annotator", row->annotator,
        "assignment", row->assignment, "duration_ms", duration, "comment", row->comment, "revision",
        (json_int_t)row->revision, "created_at", fd_json_time(row->created_ms));
    if (json_object_update(label, choice) < 0)
        json_decref(FD_STEAL(label));
    return label;
}

static void page_clear(struct page *page) {
    fd_json_text_clear(&page->text);
}

static int visit_label(void *context, const fd_labelled_pair *pair) {
    struct page *page = context;
    if (page->text.rows == page->limit || page->text.size >= page->most) {
        page->more = true;
        return 1;
    }
    page->last = pair->label.sequence;
    return fd_json_text_add_row(&page->text, label_json(pair));
}

/* Where all that were found are on the page, the next one begins after what was looked at. */
static int fill_page(const fd_request *request, const struct labels_query *query,
                     struct page *page) {
    size_t limit = page->limit + 1;
    FD_FREE int64_t *sequences = calloc(limit, sizeof(*sequences));
    if (!sequences)
        return -ENOMEM;
    fd_labels_found found =
        fd_engine_labels_find(request->engine, &query->filter, query->cursor, limit, sequences);
    int r = fd_engine_revisions_read(request->engine, sequences, found.n, visit_label, page);
    if (r < 0 || page->more)
        return r;
    page->last = found.end;
    page->more = !found.is_all;
    return 0;
}

void fd_labels_list(const fd_request *request, fd_response *response) {
    struct labels_query query = {.limit = FD_PAGE_LIMIT};
    if (!fd_query_accept(&request->query, labels_parameters, FD_LENGTH(labels_parameters), &query,
                         response))
        return;
    FD_CLEANUP(page_clear)
    struct page page = {.limit = (size_t)query.limit, .most = request->page_bytes};
    fd_json_text_add(&page.text, "{\"labels\":[");
    int r = fill_page(request, &query, &page);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond_page(response, &page.text, page.more, page.last);
}

static int visit_one(void *context, const fd_labelled_pair *pair) {
    json_t **label = context;
    *label = label_json(pair);
    return *label ? 0 : -ENOMEM;
}

void fd_label_get(const fd_request *request, fd_response *response) {
    json_t *label = NULL;
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = fd_engine_label_read(request->engine, request->id, visit_one, &label);
    if (r == -ENOENT)
        fd_problem(response, 404, "there is no label with this id");
    else if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond(response, 200, label);
}
