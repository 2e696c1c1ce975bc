/* /v1/score: rewards of items. */
#include <errno.h>

#include "handlers.h"
#include "item_reference.h"
#include "json_read.h"
#include "json_write.h"
#include "model_versions.h"
#include "problem.h"
#include "score.h"
#include "text_embeddings.h"

enum { ITEMS_MAX = 100000 };

struct score_body {
    const json_t *items;
};

static const fd_field score_fields[] = {
    {"items", FD_FIELD_ARRAY, .required = true, .offset = offsetof(struct score_body, items),
     .max = ITEMS_MAX},
};

struct references {
    size_t n;
    fd_item_reference *list;
};

static void references_clear(struct references *references) {
    fd_item_references_free(references->list, references->n);
}

static int read_request(const fd_request *request, json_t **root, struct references *ret,
                        fd_fault *fault) {
    struct score_body body = {0};
    int r = fd_json_read_body(request->body, request->body_size, score_fields,
                              FD_LENGTH(score_fields), root, &body, fault);
    if (r < 0)
        return r;

    ret->n = json_array_size(body.items);
    ret->list = calloc(ret->n ? ret->n : 1, sizeof(*ret->list));
    if (!ret->list)
        return -ENOMEM;
    fd_path list = {.name = "items"};
    for (size_t i = 0; i < ret->n && r == 0; i++)
        r = fd_item_reference_read(json_array_get(body.items, i),
                                   &(fd_path){.parent = &list, .index = i}, &ret->list[i], fault);
    return r;
}

/* For the features of the items, as they are computed and as they are copied, and for counting
 * their texts. */
static int take_memory(const fd_request *request, const struct references *references,
                       fd_fault *fault) {
    fd_model_info model;
    int r = fd_engine_model(request->engine, &model);
    if (r < 0)
        return r;
    return fd_request_take_memory(
        request,
        references->n * (2 * sizeof(float) * model.feature_count + sizeof(fd_score)) +
            fd_item_references_memory(references->list, references->n),
        fault);
}

static int write_scores(const fd_score *scores, size_t n, uint64_t version, fd_json_text *ret) {
    fd_json_text_add(ret, "{\"model_version\":");
    int r = fd_json_text_add_value(ret, json_integer((json_int_t)version));
    fd_json_text_add(ret, ",\"scores\":[");
    for (size_t i = 0; i < n && r == 0; i++)
        r = fd_json_text_add_row(ret,
                                 json_pack("{s:o, s:o}", "reward", fd_json_real(scores[i].reward),
                                           "stddev", fd_json_real(scores[i].stddev)));
    fd_json_text_add(ret, "]}");
    return r;
}

static int post_score(const fd_request *request, fd_json_text *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(references_clear) struct references references = {0};
    int r = read_request(request, &root, &references, fault);
    if (r < 0)
        return r;
    r = take_memory(request, &references, fault);
    if (r == 0)
        r = fd_text_embeddings_of_references(request, "items", NULL, 1, references.list,
                                             references.n, fault);
    if (r < 0)
        return r;
    FD_FREE fd_score *scores = calloc(references.n ? references.n : 1, sizeof(*scores));
    if (!scores)
        return -ENOMEM;
    uint64_t version = 0;
    r = fd_engine_score(request->engine, references.list, references.n, scores, &version, fault);
    if (r < 0)
        return r;
    return write_scores(scores, references.n, version, ret);
}

void fd_score_post(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {0};
    FD_CLEANUP(fd_json_text_clear) fd_json_text text = {0};
    int r = post_score(request, &text, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_text_respond(response, 200, &text);
}
