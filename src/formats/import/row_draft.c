/* Makes rows: checks texts, ids and numbers by the rules of requests, and derives ids. */
#include "row_draft.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "derived_id.h"
#include "json_embedding.h"
#include "json_scores.h"
#include "text_rules.h"

void fd_row_draft_reset(fd_row_draft *draft) {
    for (size_t i = 0; i < draft->n_owned; i++)
        free(draft->owned[i]);
    for (size_t i = 0; i < draft->n_trees; i++)
        json_decref(draft->trees[i]);
    draft->n_items = draft->n_labels = draft->n_owned = draft->n_trees = 0;
    draft->at = NULL;
    draft->fault = (fd_fault){0};
}

void fd_row_draft_clear(fd_row_draft *draft) {
    fd_row_draft_reset(draft);
    free(draft->items);
    free(draft->labels);
    free(draft->owned);
    free(draft->trees);
    *draft = (fd_row_draft){0};
}

int fd_row_refuse(fd_row_draft *draft, const char *name, const char *reason_format, ...) {
    char reason[sizeof(draft->fault.detail)];
    va_list arguments;
    va_start(arguments, reason_format);
    (void)vsnprintf(reason, sizeof(reason), reason_format, arguments);
    va_end(arguments);
    if (!name)
        return fd_fault_set(&draft->fault, -EINVAL, "", "%s", reason);
    return fd_json_fault(&draft->fault, &(fd_path){.parent = draft->at, .name = name}, "%s",
                         reason);
}

/* ---- owning ---- */

int fd_row_own(fd_row_draft *draft, void *memory) {
    int r = memory ? fd_array_reserve(&draft->owned, &draft->owned_room, draft->n_owned + 1,
                                      sizeof(*draft->owned))
                   : -ENOMEM;
    if (r < 0)
        free(memory);
    else
        draft->owned[draft->n_owned++] = memory;
    return r;
}

int fd_row_own_tree(fd_row_draft *draft, json_t *tree) {
    int r = tree ? fd_array_reserve(&draft->trees, &draft->trees_room, draft->n_trees + 1,
                                    sizeof(json_t *))
                 : -ENOMEM;
    if (r < 0)
        json_decref(tree);
    else
        draft->trees[draft->n_trees++] = tree;
    return r;
}

/* ---- items ---- */

typedef int text_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]);

static int check(fd_row_draft *draft, const char *name, const char *text, text_rule *rule) {
    char why[FD_RULE_SIZE];
    return !text || rule(text, strlen(text), why) == 0 ? 0 : fd_row_refuse(draft, name, "%s", why);
}

static int check_texts(fd_row_draft *draft, const fd_item_source *source) {
    int r = check(draft, "id", source->id, fd_id_rule);
    if (r == 0)
        r = check(draft, "prompt_id", source->prompt_id, fd_id_rule);
    if (r == 0)
        r = check(draft, "prompt", source->prompt, fd_text_rule);
    if (r == 0)
        r = check(draft, source->name ? source->name : "response", source->response, fd_text_rule);
    return r;
}

static int own_id(fd_row_draft *draft, const char *word, const char *const *texts, size_t n,
                  const char **ret) {
    char id[FD_DERIVED_ID_SIZE];
    fd_derived_id(word, texts, n, id);
    char *copy = strdup(id);
    *ret = copy;
    return fd_row_own(draft, copy);
}

static int take_ids(fd_row_draft *draft, const fd_item_source *source, fd_imported_item *item) {
    const char *const texts[] = {source->prompt_id, source->prompt, source->response};
    item->row.id = source->id;
    item->row.prompt_id = source->prompt_id;
    item->by_texts = !source->id || source->by_texts;
    int r = 0;
    if (!source->id && !source->response)
        return fd_row_refuse(draft, source->name ? source->name : "response", "is required");
    if (!source->prompt_id && !source->prompt)
        return fd_row_refuse(draft, "prompt", "is required");
    if (!source->id)
        r = own_id(draft, "item", texts, FD_LENGTH(texts), &item->row.id);
    if (r == 0 && !source->prompt_id)
        r = own_id(draft, "prompt", &source->prompt, 1, &item->row.prompt_id);
    return r;
}

/* Keys are sorted, so that the order of members does not make an item different. */
static int take_metadata(fd_row_draft *draft, const json_t *metadata, const char **ret) {
    *ret = NULL;
    if (!metadata || json_object_size(metadata) == 0)
        return 0;
    char *text = json_dumps(metadata, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    *ret = text;
    int r = fd_row_own(draft, text);
    return r == 0 ? check(draft, "metadata", text, fd_metadata_rule) : r;
}

static int take_scores(fd_row_draft *draft, const fd_item_source *source, fd_item_row *row) {
    fd_json_scores scores = {0};
    int r = fd_json_scores_of_item(source->scores, source->metadata, draft->score_metadata, NULL,
                                   &scores, &draft->fault);
    row->scores = scores.list;
    row->n_scores = scores.n;
    int owned = scores.list ? fd_row_own(draft, scores.list) : 0;
    return r < 0 ? r : owned;
}

static int take_embedding(fd_row_draft *draft, const json_t *given, fd_item_row *row) {
    fd_embedding embedding = {0};
    if (!given)
        return 0;
    int r = fd_json_embedding(given, &(fd_path){.name = "embedding"}, &embedding, &draft->fault);
    if (r < 0)
        return r;
    row->embedding = embedding.numbers;
    row->dimension = embedding.count;
    return fd_row_own(draft, embedding.numbers);
}

static const fd_imported_item *find_item(const fd_row_draft *draft, const char *id) {
    for (size_t i = 0; i < draft->n_items; i++)
        if (strcmp(draft->items[i].row.id, id) == 0)
            return &draft->items[i];
    return NULL;
}

static int make_item(fd_row_draft *draft, const fd_item_source *source, fd_imported_item *item) {
    int r = check_texts(draft, source);
    if (r == 0)
        r = take_ids(draft, source, item);
    if (r == 0)
        r = take_metadata(draft, source->metadata, &item->row.metadata);
    if (r == 0)
        r = take_scores(draft, source, &item->row);
    if (r == 0)
        r = take_embedding(draft, source->embedding, &item->row);
    return r;
}

static int append_item(fd_row_draft *draft, const fd_imported_item *item) {
    if (draft->n_items == FD_ROW_ITEMS_MAX)
        return fd_row_refuse(draft, NULL, "it has more than %d responses", FD_ROW_ITEMS_MAX);
    int r = fd_array_reserve(&draft->items, &draft->items_room, draft->n_items + 1,
                             sizeof(*draft->items));
    if (r == 0)
        draft->items[draft->n_items++] = *item;
    return r;
}

int fd_row_add_item(fd_row_draft *draft, const fd_item_source *source, const char **ret_id) {
    fd_imported_item item = {.row = {.prompt = source->prompt, .response = source->response}};
    int r = make_item(draft, source, &item);
    *ret_id = item.row.id;
    return r < 0 || find_item(draft, item.row.id) ? r : append_item(draft, &item);
}

int fd_row_add_embedding(fd_row_draft *draft, const char *id, const json_t *embedding) {
    fd_imported_item item = {.row = {.id = id, .prompt_id = ""}, .is_embedding = true};
    int r = check(draft, "custom_id", id, fd_id_rule);
    if (r == 0)
        r = take_embedding(draft, embedding, &item.row);
    return r < 0 ? r : append_item(draft, &item);
}

/* ---- labels ---- */

static int derive_label_id(fd_row_draft *draft, fd_imported_label *label) {
    char time[32];
    (void)snprintf(time, sizeof(time), "%lld", (long long)label->created_ms);
    const char *const texts[] = {label->a, label->b, fd_preference_name(label->preference),
                                 label->annotator, time};
    return own_id(draft, "label", texts, FD_LENGTH(texts), &label->id);
}

int fd_row_add_label(fd_row_draft *draft, const fd_imported_label *given) {
    fd_imported_label label = *given;
    if (!label.annotator)
        label.annotator = draft->format;
    if (strcmp(label.a, label.b) == 0)
        return fd_row_refuse(draft, NULL, "both sides of the pair are the same item");
    int r = check(draft, "id", label.id, fd_id_rule);
    if (r == 0)
        r = check(draft, "annotator", label.annotator, fd_id_rule);
    if (r == 0)
        r = check(draft, "comment", label.comment, fd_text_rule);
    if (r == 0 && !label.id)
        r = derive_label_id(draft, &label);
    if (r < 0)
        return r;
    if (draft->n_labels == FD_ROW_LABELS_MAX)
        return fd_row_refuse(draft, NULL, "it has more than %d preferences", FD_ROW_LABELS_MAX);
    r = fd_array_reserve(&draft->labels, &draft->labels_room, draft->n_labels + 1,
                         sizeof(*draft->labels));
    if (r == 0)
        draft->labels[draft->n_labels++] = label;
    return r;
}
