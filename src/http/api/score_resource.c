/* /v1/score: rewards of items, and differences of the rewards of pairs. */
#include <errno.h>

#include "embedding_scan.h"
#include "handlers.h"
#include "item_reference.h"
#include "item_scores.h"
#include "json_read.h"
#include "json_write.h"
#include "pair_list.h"
#include "problem.h"
#include "score.h"
#include "score_json.h"
#include "score_lines.h"
#include "text_columns.h"
#include "text_embeddings.h"

enum { SCORES_MAX = 100000 };

static const fd_pair_count allowed_pairs = {0, SCORES_MAX};

struct score_body {
    const json_t *items; /* one of the two */
    const json_t *pairs;
    int style;
};

#define AT(member) .offset = offsetof(struct score_body, member)
static const fd_field score_fields[] = {
    {"items", FD_FIELD_ARRAY, AT(items), .max = SCORES_MAX},
    {"pairs", FD_FIELD_ANY, AT(pairs)},
    {"style", FD_FIELD_ENUM, AT(style), .choices = fd_style_names},
};
#undef AT

/* What a request asks about: items or pairs. */
struct question {
    bool about_pairs;
    size_t n;
    fd_item_reference *items; /* [n] */
    fd_pair_list pairs;       /* of n */
    fd_style style;
};

static void question_clear(struct question *question) {
    if (question->items)
        fd_item_references_free(question->items, question->n);
    fd_pair_list_clear(&question->pairs);
}

static int read_items(const json_t *list, struct question *ret, fd_fault *fault) {
    ret->n = json_array_size(list);
    ret->items = calloc(ret->n ? ret->n : 1, sizeof(*ret->items));
    int r = ret->items ? 0 : -ENOMEM;
    fd_path path = {.name = "items"};
    bool stops = r < 0;
    for (size_t i = 0; i < ret->n && !stops; i++)
        stops = fd_fault_stops(fault,
                               fd_item_reference_read(json_array_get(list, i),
                                                      &(fd_path){.parent = &path, .index = i},
                                                      &ret->items[i], fault),
                               &r);
    return r;
}

/* Reads embeddings without a tree where that is possible. What is wrong in the rest is found again
 * in the whole, where lines and columns are right. */
static bool scan_request(const fd_request *request, json_t **root, struct question *ret) {
    FD_CLEANUP(fd_embedding_scan_clear) fd_embedding_scan scan = {0};
    struct score_body body = {0};
    fd_fault unused = {0};
    if (!fd_embedding_scan_read(request->body, request->body_size, SCORES_MAX, &scan))
        return false;
    if (fd_json_read_body(scan.rest, scan.rest_size, score_fields, FD_LENGTH(score_fields), root,
                          &body, &unused) < 0 ||
        body.items || body.pairs) {
        json_decref(FD_STEAL(*root));
        return false;
    }
    ret->style = (fd_style)body.style;
    ret->items = FD_STEAL(scan.items);
    ret->n = scan.n;
    scan.n = 0;
    return true;
}

static int read_request(const fd_request *request, json_t **root, struct question *ret,
                        fd_fault *fault) {
    struct score_body body = {0};
    if (scan_request(request, root, ret))
        return 0;
    int r = fd_json_read_body(request->body, request->body_size, score_fields,
                              FD_LENGTH(score_fields), root, &body, fault);
    if (r < 0)
        return r;
    if (body.items && body.pairs)
        return fd_json_fault(fault, &(fd_path){.name = "pairs"},
                             "cannot be given together with \"items\"");
    if (!body.items && !body.pairs)
        return fd_json_fault(fault, &(fd_path){.name = "items"},
                             "is required, or \"pairs\" instead");
    ret->style = (fd_style)body.style;
    ret->about_pairs = body.pairs != NULL;
    if (body.items)
        return read_items(body.items, ret, fault);
    r = fd_pair_list_read(body.pairs, "pairs", allowed_pairs, &ret->pairs, fault);
    ret->n = ret->pairs.n;
    return r;
}

static json_t *pair_json(const fd_score *score) {
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "difference", fd_json_real(score->reward),
                     "stddev", fd_json_real(score->stddev), "p",
                     fd_json_real(fi_probability(score->reward)), "content_difference",
                     fd_json_real(score->content), "content_stddev",
                     fd_json_real(score->content_stddev), "content_p",
                     fd_json_real(fi_probability(score->content)));
}

static int write_scores(const struct question *question, const fd_score *scores, uint64_t version,
                        fd_json_text *ret) {
    fd_json_text_add(ret, "{\"model_version\":");
    int r = fd_json_text_add_value(ret, json_integer((json_int_t)version));
    fd_json_text_add(ret, question->about_pairs ? ",\"pairs\":[" : ",\"scores\":[");
    for (size_t i = 0; i < question->n && r == 0; i++) {
        fd_score score = fd_score_in_style(&scores[i], question->style);
        r = fd_json_text_add_row(ret,
                                 question->about_pairs ? pair_json(&score) : fd_score_json(&score));
    }
    fd_json_text_add(ret, "]}");
    return r;
}

/* Faults point at "/pairs/i/a" until they are located. */
static int score_pairs(const fd_request *request, fd_pair_list *pairs, fd_score *scores,
                       uint64_t *ret_version, fd_fault *fault) {
    static const char *const sides[] = {"a", "b"};
    if (pairs->n > 0) {
        size_t n = FD_LENGTH(sides) * pairs->n;
        int r =
            fd_item_scores_memory(request, &pairs->list[0].a, n, pairs->n * sizeof(*scores), fault);
        if (r == 0)
            r = fd_text_embeddings_of_references(request, "pairs", sides, FD_LENGTH(sides),
                                                 &pairs->list[0].a, n, fault);
        if (r < 0)
            return r;
    }
    return fd_engine_score_pairs(request->engine, pairs->list, pairs->n, scores, ret_version,
                                 fault);
}

static int post_score(const fd_request *request, fd_json_text *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(question_clear) struct question question = {0};
    int r = read_request(request, &root, &question, fault);
    if (r < 0)
        return r;
    FD_FREE fd_score *scores = calloc(question.n ? question.n : 1, sizeof(*scores));
    if (!scores)
        return -ENOMEM;
    uint64_t version = 0;
    r = question.about_pairs
            ? score_pairs(request, &question.pairs, scores, &version, fault)
            : fd_item_scores(request, "items", question.items, question.n, scores, &version, fault);
    if (r < 0) {
        fd_pair_list_locate(&question.pairs, "pairs", fault);
        return r;
    }
    return write_scores(&question, scores, version, ret);
}

/* Lines have no place for a style. */
struct lines_query {
    const char *style;
};

static const fd_parameter lines_parameters[] = {
    {"style", FD_PARAMETER_TEXT, offsetof(struct lines_query, style), 0, 0},
};

static void post_lines(const fd_request *request, fd_response *response) {
    struct lines_query query = {0};
    fd_style style;
    if (!fd_query_accept(&request->query, lines_parameters, FD_LENGTH(lines_parameters), &query,
                         response) ||
        !fd_score_style(query.style, &style, response))
        return;
    fd_fault fault = {0};
    FD_CLEANUP(fd_json_text_clear) fd_json_text text = {0};
    int r = fd_score_lines(request, style, &text, &fault);
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    response->content_type = "application/x-ndjson";
    fd_json_text_respond(response, 200, &text);
}

void fd_score_post(const fd_request *request, fd_response *response) {
    if (request->has_lines) {
        post_lines(request, response);
        return;
    }
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {.more = request->more_faults};
    FD_CLEANUP(fd_json_text_clear) fd_json_text text = {0};
    int r = post_score(request, &text, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_text_respond(response, 200, &text);
}
