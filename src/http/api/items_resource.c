/* /v1/items: adds items and lists them. */
#include <errno.h>
#include <string.h>

#include "handlers.h"
#include "item_text_features.h"
#include "items.h"
#include "items_body.h"
#include "json_read.h"
#include "json_scores.h"
#include "json_write.h"
#include "prior_scores.h"
#include "problem.h"
#include "text_embeddings.h"

/* ---- POST /v1/items ---- */

struct item_body {
    const char *id;
    const char *prompt_id;
    const char *prompt;
    const char *response;
    fd_embedding embedding;
    const json_t *metadata;
    const json_t *scores;
};

static const fd_field item_fields[] = {
    {"id", FD_FIELD_ID, .required = true, .offset = offsetof(struct item_body, id)},
    {"prompt_id", FD_FIELD_ID, .required = true, .offset = offsetof(struct item_body, prompt_id)},
    {"prompt", FD_FIELD_TEXT, .nullable = true, .offset = offsetof(struct item_body, prompt)},
    {"response", FD_FIELD_TEXT, .nullable = true, .offset = offsetof(struct item_body, response)},
    {"embedding", FD_FIELD_EMBEDDING, .offset = offsetof(struct item_body, embedding)},
    {"metadata", FD_FIELD_OBJECT, .nullable = true, .offset = offsetof(struct item_body, metadata)},
    {"scores", FD_FIELD_OBJECT, .nullable = true, .offset = offsetof(struct item_body, scores)},
};

/* The rows own their embeddings, metadata and lists of scores; the rest is borrowed from the tree.
 */
struct rows {
    size_t n;
    fd_item_row *list;
};

static void rows_clear(struct rows *rows) {
    for (size_t i = 0; rows->list && i < rows->n; i++) {
        free((float *)rows->list[i].embedding);
        free((char *)rows->list[i].metadata);
        free((fd_item_score *)rows->list[i].scores);
    }
    free(rows->list);
}

static int read_item(const fd_request *request, const json_t *value, const fd_path *at,
                     fd_item_row *ret, fd_fault *fault) {
    struct item_body body = {0};
    fd_json_scores scores = {0};
    int r = fd_json_read(value, at, item_fields, FD_LENGTH(item_fields), &body, fault);
    *ret = (fd_item_row){
        .id = body.id,
        .prompt_id = body.prompt_id,
        .prompt = body.prompt,
        .response = body.response,
        .embedding = body.embedding.numbers,
        .dimension = body.embedding.count,
    };
    if (r == 0)
        r = fd_json_scores_of_item(body.scores, body.metadata, request->score_metadata, at, &scores,
                                   fault);
    ret->scores = scores.list;
    ret->n_scores = scores.n;
    if (r < 0 || !body.metadata)
        return r;
    /* With sorted keys, so that the order of members does not make an item different. */
    ret->metadata =
        json_dumps(body.metadata, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    return ret->metadata ? 0 : -ENOMEM;
}

static int read_items(const fd_request *request, json_t **ret_root, struct rows *ret,
                      fd_fault *fault) {
    fd_items_body body = {0};
    int r = fd_items_body_read(request, ret_root, &body, fault);
    if (r < 0)
        return r;
    ret->n = json_array_size(body.items);
    ret->list = calloc(ret->n ? ret->n : 1, sizeof(*ret->list));
    if (!ret->list)
        return -ENOMEM;
    fd_path list = {.name = "items"};
    for (size_t i = 0; i < ret->n && r == 0; i++)
        r = read_item(request, json_array_get(body.items, i),
                      &(fd_path){.parent = &list, .index = i}, &ret->list[i], fault);
    return r;
}

/* For counting the texts. */
static int take_memory(const fd_request *request, const struct rows *rows, fd_fault *fault) {
    size_t longest = 0;
    for (size_t i = 0; i < rows->n; i++) {
        const fd_item_row *row = &rows->list[i];
        if (!fd_item_has_texts(row))
            continue;
        size_t prompt = strlen(row->prompt), response = strlen(row->response);
        size_t longer = prompt > response ? prompt : response;
        longest = longer > longest ? longer : longest;
    }
    return fd_request_take_memory(request, fd_text_features_memory(longest), fault);
}

/* Forgets the embeddings that were made of texts. */
static void forget_embeddings(struct rows *rows, const bool *is_given) {
    for (size_t i = 0; i < rows->n; i++)
        if (!is_given[i])
            free((float *)FD_STEAL(rows->list[i].embedding));
}

/* An embedder may give a text another vector the next time. So where another request has just added
 * an item, its vector is right, and not the one that was made here meanwhile. */
static int embed_and_add(const fd_request *request, struct rows *rows, fd_added *ret,
                         fd_fault *fault) {
    FD_FREE bool *is_given = calloc(rows->n ? rows->n : 1, sizeof(*is_given));
    size_t made;
    if (!is_given)
        return -ENOMEM;
    for (size_t i = 0; i < rows->n; i++)
        is_given[i] = rows->list[i].embedding != NULL;
    int r = fd_text_embeddings_of_items(request, rows->list, rows->n, &made, fault);
    if (r < 0)
        return r;
    r = fd_engine_items_add(request->engine, rows->list, rows->n, ret, fault);
    if (r != -EEXIST || made == 0 || is_given[ret->conflict])
        return r;
    *fault = (fd_fault){0};
    forget_embeddings(rows, is_given);
    r = fd_text_embeddings_of_items(request, rows->list, rows->n, &made, fault);
    return r < 0 ? r : fd_engine_items_add(request->engine, rows->list, rows->n, ret, fault);
}

static int add_items(const fd_request *request, fd_added *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(rows_clear) struct rows rows = {0};
    int r = read_items(request, &root, &rows, fault);
    if (r == 0)
        r = take_memory(request, &rows, fault);
    return r < 0 ? r : embed_and_add(request, &rows, ret, fault);
}

void fd_items_add(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    fd_fault fault = {0};
    fd_added added = {0};
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE;
    int r = add_items(request, &added, &fault);
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    fd_json_respond(response, 200,
                    json_pack("{s:I, s:I}", "created", (json_int_t)added.created, "unchanged",
                              (json_int_t)added.unchanged));
}

/* ---- GET /v1/items and /v1/items/{id} ---- */

static json_t *scores_json(fd_engine *engine, uint32_t item) {
    fd_item_score scores[FD_SCORE_NAMES_MAX];
    return fd_json_scores_write(scores, fd_engine_item_scores(engine, item, scores));
}

static json_t *item_json(fd_engine *engine, const fd_item_row *row, bool embedding) {
    json_t *metadata = row->metadata ? json_loads(row->metadata, 0, NULL) : json_null();
    json_t *item =
        json_pack("{s:s, s:s, s:s?, s:s?, s:o, s:o, s:I, s:o}", "id", row->id, "prompt_id",
                  row->prompt_id, "prompt", row->prompt, "response", row->response, "metadata",
                  metadata, "scores", scores_json(engine, row->index), "dimension",
                  (json_int_t)row->dimension, "created_at", fd_json_time(row->created_ms));
    if (item && embedding &&
        json_object_set_new(item, "embedding", fd_json_base64(row->embedding, row->dimension)) < 0)
        json_decref(FD_STEAL(item));
    return item;
}

struct items_query {
    int64_t limit;
    int64_t cursor; /* index of the first item of the page */
    bool embeddings;
};

static const fd_parameter items_parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, .offset = offsetof(struct items_query, limit), .min = 1,
     .max = FD_PAGE_LIMIT_MAX},
    {"cursor", FD_PARAMETER_INTEGER, .offset = offsetof(struct items_query, cursor),
     .max = UINT32_MAX},
    {"embeddings", FD_PARAMETER_BOOLEAN, .offset = offsetof(struct items_query, embeddings)},
};

struct page {
    fd_engine *engine;
    fd_json_text text;
    size_t most; /* bytes of the text but for the last row */
    struct items_query query;
    int64_t next; /* index of the first item after the page */
    bool more;
};

static void page_clear(struct page *page) {
    fd_json_text_clear(&page->text);
}

static int visit_item(void *context, const fd_item_row *row) {
    struct page *page = context;
    if (page->text.rows == (size_t)page->query.limit || page->text.size >= page->most) {
        page->more = true;
        return 1;
    }
    page->next = (int64_t)row->index + 1;
    return fd_json_text_add_row(&page->text, item_json(page->engine, row, page->query.embeddings));
}

void fd_items_list(const fd_request *request, fd_response *response) {
    FD_CLEANUP(page_clear)
    struct page page = {
        .engine = request->engine, .query.limit = FD_PAGE_LIMIT, .most = request->page_bytes};
    if (!fd_query_accept(&request->query, items_parameters, FD_LENGTH(items_parameters),
                         &page.query, response))
        return;
    fd_json_text_add(&page.text, "{\"items\":[");
    int r = fd_engine_items_read(request->engine, (uint32_t)page.query.cursor,
                                 (size_t)page.query.limit + 1, page.query.embeddings, visit_item,
                                 &page);
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else
        fd_json_respond_page(response, &page.text, page.more, page.next);
}

struct one {
    fd_engine *engine;
    json_t *item;
    bool embedding;
};

static const fd_parameter item_parameters[] = {
    {"embedding", FD_PARAMETER_BOOLEAN, .offset = offsetof(struct one, embedding)},
};

static int visit_one(void *context, const fd_item_row *row) {
    struct one *one = context;
    one->item = item_json(one->engine, row, one->embedding);
    return one->item ? 0 : -ENOMEM;
}

void fd_item_get(const fd_request *request, fd_response *response) {
    struct one one = {.engine = request->engine};
    if (!fd_query_accept(&request->query, item_parameters, FD_LENGTH(item_parameters), &one,
                         response))
        return;
    int r = fd_engine_item_read(request->engine, request->id, one.embedding, visit_one, &one);
    if (r == 0) {
        fd_json_respond(response, 200, one.item);
        return;
    }
    json_decref(one.item);
    if (r == -ENOENT)
        fd_problem(response, 404, "there is no item with this id");
    else
        fd_problem_of(response, r, NULL);
}
