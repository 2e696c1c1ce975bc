/* GET /v1/items and /v1/items/{id}: lists items and reads one. */
#include <errno.h>
#include <string.h>

#include "handlers.h"
#include "items.h"
#include "json_embedding.h"
#include "json_scores.h"
#include "json_write.h"
#include "prior_scores.h"
#include "problem.h"

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
    const char *prompt_id; /* NULL: all */
};

static const fd_parameter items_parameters[] = {
    {"limit", FD_PARAMETER_INTEGER, .offset = offsetof(struct items_query, limit), .min = 1,
     .max = FD_PAGE_LIMIT_MAX},
    {"cursor", FD_PARAMETER_INTEGER, .offset = offsetof(struct items_query, cursor),
     .max = UINT32_MAX},
    {"embeddings", FD_PARAMETER_BOOLEAN, .offset = offsetof(struct items_query, embeddings)},
    {"prompt_id", FD_PARAMETER_TEXT, .offset = offsetof(struct items_query, prompt_id)},
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
    const struct items_query *query = &page.query;
    uint32_t first = (uint32_t)query->cursor;
    size_t limit = (size_t)query->limit + 1;
    int r = query->prompt_id
                ? fd_engine_prompt_items_read(request->engine, query->prompt_id, first, limit,
                                              query->embeddings, visit_item, &page)
                : fd_engine_items_read(request->engine, first, limit, query->embeddings, visit_item,
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
