/* /v1/items/{id}/scores and /v1/scores: sets scores of items. */
#include <errno.h>

#include "handlers.h"
#include "items_body.h"
#include "json_read.h"
#include "json_scores.h"
#include "json_write.h"
#include "prior_scores.h"
#include "problem.h"

static void respond(const fd_request *request, fd_response *response, int r,
                    const fd_scores_set *done, const fd_fault *fault) {
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (r < 0)
        fd_problem_of(response, r, fault);
    else
        fd_json_respond(response, 200,
                        json_pack("{s:I, s:I}", "changed", (json_int_t)done->changed, "unchanged",
                                  (json_int_t)done->unchanged));
}

/* ---- PUT /v1/items/{id}/scores ---- */

static int set_of_item(const fd_request *request, fd_scores_set *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    fd_json_scores scores = {0};
    int r = fd_json_parse(request->body, request->body_size, &root, fault);
    if (r == 0)
        r = fd_json_scores_read(root, NULL, &scores, fault);
    if (r == 0) {
        const fd_scores_of_item item = {request->id, scores.list, scores.n};
        r = fd_engine_scores_set(request->engine, &item, 1, ret, fault);
        fault->pointer[0] = '\0'; /* the engine's is into a list of items */
    }
    free(scores.list);
    return r;
}

void fd_item_scores_set(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {.more = request->more_faults};
    fd_scores_set done = {0};
    int r = set_of_item(request, &done, &fault);
    if (r == -ENOENT)
        fd_problem(response, 404, "there is no item with this id");
    else
        respond(request, response, r, &done, &fault);
}

/* ---- PUT /v1/scores ---- */

struct entry_body {
    const char *id;
    const json_t *scores;
};

static const fd_field entry_fields[] = {
    {"id", FD_FIELD_REFERENCE, .required = true, .offset = offsetof(struct entry_body, id)},
    {"scores", FD_FIELD_OBJECT, .required = true, .offset = offsetof(struct entry_body, scores)},
};

/* The entries own their lists; the rest is borrowed from the tree. */
struct entries {
    size_t n;
    fd_scores_of_item *list;
};

static void entries_clear(struct entries *entries) {
    for (size_t i = 0; entries->list && i < entries->n; i++)
        free((fd_item_score *)entries->list[i].scores);
    free(entries->list);
}

static int read_entry(const json_t *value, const fd_path *at, fd_scores_of_item *ret,
                      fd_fault *fault) {
    struct entry_body body = {0};
    fd_json_scores scores = {0};
    int r = 0;
    bool stops = fd_fault_stops(
        fault, fd_json_read(value, at, entry_fields, FD_LENGTH(entry_fields), &body, fault), &r);
    if (!stops && body.scores)
        (void)fd_fault_stops(fault,
                             fd_json_scores_read(body.scores,
                                                 &(fd_path){.parent = at, .name = "scores"},
                                                 &scores, fault),
                             &r);
    *ret = (fd_scores_of_item){body.id, scores.list, scores.n};
    return r;
}

static int read_entries(const fd_request *request, json_t **ret_root, struct entries *ret,
                        fd_fault *fault) {
    fd_items_body body = {0};
    int r = fd_items_body_read(request->body, request->body_size, ret_root, &body, fault);
    if (r < 0)
        return r;
    ret->n = json_array_size(body.items);
    ret->list = calloc(ret->n ? ret->n : 1, sizeof(*ret->list));
    if (!ret->list)
        return -ENOMEM;
    fd_path list = {.name = "items"};
    bool stops = false;
    for (size_t i = 0; i < ret->n && !stops; i++)
        stops = fd_fault_stops(fault,
                               read_entry(json_array_get(body.items, i),
                                          &(fd_path){.parent = &list, .index = i}, &ret->list[i],
                                          fault),
                               &r);
    return r;
}

static int set_of_items(const fd_request *request, fd_scores_set *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(entries_clear) struct entries entries = {0};
    int r = read_entries(request, &root, &entries, fault);
    return r < 0 ? r : fd_engine_scores_set(request->engine, entries.list, entries.n, ret, fault);
}

void fd_scores_set_all(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {.more = request->more_faults};
    fd_scores_set done = {0};
    int r = set_of_items(request, &done, &fault);
    respond(request, response, r == -ENOENT ? -EINVAL : r, &done, &fault);
}
