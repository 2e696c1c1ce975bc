/* Reads references to items: the id of a stored item, or an embedding. */
#include "item_reference.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "json_scores.h"
#include "text_features.h"

struct reference_body {
    const char *id;
    fd_embedding embedding;
    fd_inline_texts texts;
    const json_t *scores;
};

#define AT(member) .offset = offsetof(struct reference_body, member)
static const fd_field reference_fields[] = {
    {"id", FD_FIELD_REFERENCE, AT(id)},
    {"embedding", FD_FIELD_EMBEDDING, AT(embedding)},
    {"prompt", FD_FIELD_TEXT, .nullable = true, AT(texts.prompt)},
    {"response", FD_FIELD_TEXT, .nullable = true, AT(texts.response)},
    {"prompt_id", FD_FIELD_REFERENCE, .nullable = true, AT(texts.prompt_id)},
    {"scores", FD_FIELD_OBJECT, .nullable = true, AT(scores)},
};
#undef AT

/* Members of an inline item, which say nothing about a stored one. */
static int refuse_inline_members(const struct reference_body *body, const fd_path *at,
                                 fd_fault *fault) {
    const char *member = body->embedding.numbers ? "embedding"
                         : body->texts.prompt    ? "prompt"
                         : body->texts.response  ? "response"
                         : body->texts.prompt_id ? "prompt_id"
                         : body->scores          ? "scores"
                                                 : NULL;
    return member ? fd_json_member_fault(fault, at, member, "cannot be given together with \"id\"")
                  : 0;
}

static int keep_texts(const fd_inline_texts *texts, const fd_inline_texts **ret) {
    if (!texts->prompt && !texts->response && !texts->prompt_id)
        return 0;
    fd_inline_texts *kept = malloc(sizeof(*kept));
    if (!kept)
        return -ENOMEM;
    *kept = *texts;
    *ret = kept;
    return 0;
}

static int keep_scores(const json_t *scores, const fd_path *at, fd_item_reference *ret,
                       fd_fault *fault) {
    fd_json_scores read = {0};
    if (!scores)
        return 0;
    int r = fd_json_scores_read(scores, &(fd_path){.parent = at, .name = "scores"}, &read, fault);
    ret->scores = read.list;
    ret->n_scores = read.n;
    return r;
}

int fd_item_reference_read(const json_t *value, const fd_path *at, fd_item_reference *ret,
                           fd_fault *fault) {
    if (json_is_string(value))
        return fd_json_reference(value, at, &ret->id, fault);
    if (!json_is_object(value))
        return fd_json_fault(fault, at, "must be an item's id or an object with \"embedding\"");
    struct reference_body body = {0};
    int r = fd_json_read(value, at, reference_fields, FD_LENGTH(reference_fields), &body, fault);
    ret->id = body.id;
    ret->embedding = body.embedding.numbers;
    ret->dimension = body.embedding.count;
    if (r == 0 && !body.id && !body.embedding.numbers && !body.texts.response)
        return fd_json_member_fault(fault, at, "embedding", "is required");
    if (r == 0)
        r = body.id ? refuse_inline_members(&body, at, fault)
                    : keep_texts(&body.texts, &ret->texts);
    return r < 0 ? r : keep_scores(body.scores, at, ret, fault);
}

size_t fd_item_references_memory(const fd_item_reference *references, size_t n) {
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) {
        const fd_inline_texts *texts = references[i].texts;
        if (!texts || !texts->prompt || !texts->response)
            continue;
        size_t prompt = strlen(texts->prompt), response = strlen(texts->response);
        size_t longer = prompt > response ? prompt : response;
        longest = longer > longest ? longer : longest;
    }
    return fd_text_features_memory(longest);
}

void fd_item_reference_clear(fd_item_reference *reference) {
    free((float *)reference->embedding);
    free((fd_inline_texts *)reference->texts);
    free((fd_item_score *)reference->scores);
}

void fd_item_references_free(fd_item_reference *references, size_t n) {
    for (size_t i = 0; references && i < n; i++)
        fd_item_reference_clear(&references[i]);
    free(references);
}
