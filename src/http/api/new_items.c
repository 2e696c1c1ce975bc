/* Reads the items of a body by a table of their members. */
#include "new_items.h"

#include <errno.h>
#include <stdlib.h>

#include "items_body.h"
#include "json_embedding.h"
#include "json_read.h"
#include "json_scores.h"

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

void fd_new_items_clear(fd_new_items *rows) {
    for (size_t i = 0; rows->list && i < rows->n; i++) {
        free((float *)rows->list[i].embedding);
        free((char *)rows->list[i].metadata);
        free((fd_item_score *)rows->list[i].scores);
    }
    free(rows->list);
    json_decref(rows->root);
}

static int read_item(const char *score_metadata, const json_t *value, const fd_path *at,
                     fd_item_row *ret, fd_fault *fault) {
    struct item_body body = {0};
    fd_json_scores scores = {0};
    int r = 0;
    bool stops = fd_fault_stops(
        fault, fd_json_read(value, at, item_fields, FD_LENGTH(item_fields), &body, fault), &r);
    *ret = (fd_item_row){
        .id = body.id,
        .prompt_id = body.prompt_id,
        .prompt = body.prompt,
        .response = body.response,
        .embedding = body.embedding.numbers,
        .dimension = body.embedding.count,
    };
    if (!stops)
        (void)fd_fault_stops(
            fault,
            fd_json_scores_of_item(body.scores, body.metadata, score_metadata, at, &scores, fault),
            &r);
    ret->scores = scores.list;
    ret->n_scores = scores.n;
    if (r < 0 || !body.metadata)
        return r;
    /* With sorted keys, so that the order of members does not make an item different. */
    ret->metadata =
        json_dumps(body.metadata, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    return ret->metadata ? 0 : -ENOMEM;
}

int fd_new_items_read(const char *body, size_t size, const char *score_metadata, fd_new_items *ret,
                      fd_fault *fault) {
    fd_items_body items = {0};
    int r = fd_items_body_read(body, size, &ret->root, &items, fault);
    if (r < 0)
        return r;
    ret->n = json_array_size(items.items);
    ret->items = items.items;
    ret->list = calloc(ret->n ? ret->n : 1, sizeof(*ret->list));
    if (!ret->list)
        return -ENOMEM;
    fd_path list = {.name = "items"};
    bool stops = false;
    for (size_t i = 0; i < ret->n && !stops; i++)
        stops =
            fd_fault_stops(fault,
                           read_item(score_metadata, json_array_get(items.items, i),
                                     &(fd_path){.parent = &list, .index = i}, &ret->list[i], fault),
                           &r);
    return r;
}
