/* /v1/assignments: pairs for annotators, and their leases. */
#include <errno.h>

#include "assignments.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "nothing_left.h"
#include "problem.h"

enum {
    COUNT_MAX = 100,
    LEASE_SECONDS_MAX = 7 * 86400,
    RETRY_SECONDS = 5,
    RETRY_WHILE_SEARCHING_SECONDS = 1
};

struct assign_body {
    const char *annotator;
    int64_t count;
    double lease_seconds; /* 0: not given */
};

static const fd_field assign_fields[] = {
    {"annotator", FD_FIELD_ID, .offset = offsetof(struct assign_body, annotator)},
    {"count", FD_FIELD_INTEGER, .offset = offsetof(struct assign_body, count), .min = 1,
     .max = COUNT_MAX},
    {"lease_seconds", FD_FIELD_REAL, .offset = offsetof(struct assign_body, lease_seconds),
     .lowest = 1, .highest = LEASE_SECONDS_MAX},
};

/* A renewal does not name an annotator. */
static const fd_field renew_fields[] = {
    {"lease_seconds", FD_FIELD_REAL, .offset = offsetof(struct assign_body, lease_seconds),
     .lowest = 1, .highest = LEASE_SECONDS_MAX},
};

/* ---- writing ---- */

/* Without metadata, which may show which response is the better one. */
static json_t *shown_item_json(const fd_shown_item *shown) {
    return json_pack("{s:s, s:s, s:s?, s:s?}", "id", shown->id, "prompt_id", shown->prompt_id,
                     "prompt", shown->prompt, "response", shown->response);
}

static json_t *assignment_json(const fd_assignment *assignment) {
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:s, s:{s:s, s:o, s:o, s:I}}", "id", assignment->id, "a",
        shown_item_json(assignment->a), "b", shown_item_json(assignment->b), "expires_at",
        fd_json_time(assignment->expires_ms), "arm", assignment->control ? "control" : "active",
        "why", "strategy", assignment->strategy, "gain", fd_json_real(assignment->gain), "p",
        fd_json_real(assignment->p), "model_version", (json_int_t)assignment->model_version);
}

struct page {
    fd_json_text text;
    size_t most;  /* bytes of texts but for those of the last assignment */
    size_t texts; /* bytes so far */
};

static void page_clear(struct page *page) {
    fd_json_text_clear(&page->text);
}

static int visit_assignment(void *context, const fd_assignment *assignment) {
    struct page *page = context;
    return fd_json_text_add_row(&page->text, assignment_json(assignment));
}

/* Large texts end the list early: the rest is assigned with the next request. */
static bool has_room(void *context, size_t bytes) {
    struct page *page = context;
    if (page->texts > 0 && page->texts >= page->most)
        return false;
    page->texts += bytes;
    return true;
}

/* ---- calls ---- */

static int read_body(const fd_request *request, const fd_field *fields, size_t n, json_t **root,
                     struct assign_body *ret, fd_fault *fault) {
    *ret = (struct assign_body){.count = 1};
    if (request->body_size == 0 && fields == renew_fields)
        return 0;
    return fd_json_read_body(request->body, request->body_size, fields, n, root, ret, fault);
}

/* Why the list is empty. */
struct reason {
    const char *code;
    const char *text;
    unsigned retry_after;
};

static const struct reason reasons[] = {
    [FD_NOTHING_TO_COMPARE] =
        {"no_pairs",
         "no two items make a pair: with candidates in_prompt (the default) two need "
         "the same prompt_id, with cross_prompt different ones",
         RETRY_SECONDS},
    [FD_NOTHING_COMPARABLE] = {"incomparable", "no pair has two responses with different texts",
                               RETRY_SECONDS},
    [FD_NOTHING_FOUND_YET] = {"searching", "few pairs are left, and they are being looked for",
                              RETRY_WHILE_SEARCHING_SECONDS},
    [FD_NOTHING_BUT_OTHERS] = {"held_by_others",
                               "the pairs that are left are assigned to others now", RETRY_SECONDS},
    [FD_NOTHING_NEW] = {"had_before", "you have had each pair that is left; others may get them",
                        RETRY_SECONDS},
    [FD_NOTHING_BUT_ANSWERED] = {"all_answered",
                                 "every pair has as many answers, or skips, as it shall get",
                                 RETRY_SECONDS},
};

static int assign(const fd_request *request, const struct assign_body *body, struct page *page,
                  fd_fault *fault) {
    const fd_assign_request wanted = {
        .annotator = body->annotator,
        .count = (size_t)body->count,
        .lease_seconds = body->lease_seconds,
        .has_room = has_room,
        .room_context = page,
    };
    return fd_engine_assign(request->engine, &wanted, visit_assignment, page, fault);
}

void fd_assignments_post(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(page_clear) struct page page = {.most = request->page_bytes};
    fd_fault fault = {.more = request->more_faults};
    struct assign_body body;
    int r = read_body(request, assign_fields, FD_LENGTH(assign_fields), &root, &body, &fault);
    if (r == 0)
        r = fd_request_check_annotator(request, NULL, &body.annotator, &fault);
    fd_json_text_add(&page.text, "{\"assignments\":[");
    if (r == 0)
        r = assign(request, &body, &page, &fault);
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    bool is_empty = page.text.rows == 0;
    struct reason why =
        is_empty ? reasons[fd_engine_nothing_left(request->engine)] : (struct reason){0};
    fd_json_text_add(&page.text, "],\"reason\":");
    (void)fd_json_text_add_value(&page.text, why.text ? json_string(why.text) : json_null());
    fd_json_text_add(&page.text, ",\"reason_code\":");
    (void)fd_json_text_add_value(&page.text, why.code ? json_string(why.code) : json_null());
    fd_json_text_add(&page.text, "}");
    fd_json_text_respond(response, 200, &page.text);
    response->retry_after = why.retry_after;
}

static void respond_to_lease_failure(fd_response *response, int r, const fd_fault *fault) {
    if (r == -ENOENT)
        fd_problem(response, 404,
                   "this assignment is not open: it was answered or returned, or it has expired");
    else
        fd_problem_of(response, r, fault);
}

void fd_assignment_renew(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(page_clear) struct page page = {.most = SIZE_MAX};
    fd_fault fault = {.more = request->more_faults};
    struct assign_body body;
    int r = read_body(request, renew_fields, FD_LENGTH(renew_fields), &root, &body, &fault);
    if (r == 0)
        r = fd_engine_assignment_renew(request->engine, request->id, fd_request_bound_to(request),
                                       body.lease_seconds, visit_assignment, &page);
    if (r < 0)
        respond_to_lease_failure(response, r, &fault);
    else
        fd_json_text_respond(response, 200, &page.text);
}

void fd_assignment_return(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = fd_engine_assignment_return(request->engine, request->id, fd_request_bound_to(request));
    if (r < 0)
        respond_to_lease_failure(response, r, NULL);
    else
        fd_json_respond(response, 200, json_pack("{s:s}", "status", "returned"));
}
