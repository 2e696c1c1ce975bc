/*
 * The format "argilla": records as Argilla's Record.to_dict gives them, {"id", "fields": {"prompt",
 * "response_a", "response_b"}, "responses": {question: [{"value", "user_id", "status"}]},
 * "metadata"}. The value is a label such as "response_a" or "tie", or a ranking. Drafts and what
 * was discarded do not count. A record without responses gives its items.
 *
 * Sources: the reference of rg.Record and rg.Response of the Argilla documentation (2.8, 2025), and
 * src/formats/export/export_argilla.c, whose metadata gives ids back.
 */
#include <string.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

static const char *const sides[][2] = {
    {"response_a", "response_b"}, {"response-1", "response-2"}, {"response1", "response2"},
    {"response_1", "response_2"}, {"answer_a", "answer_b"},     {"chosen", "rejected"},
};
static const char *const prompts[] = {"prompt", "instruction", "question", "chat", "context"};

bool fd_import_fits_argilla(const json_t *row) {
    return json_is_object(json_object_get(row, "fields")) &&
           (json_object_get(row, "responses") || json_object_get(row, "suggestions") ||
            json_object_get(row, "metadata"));
}

static int read_fields(fd_row_draft *draft, const json_t *row, fd_pair_source *pair,
                       const char *const **ret_names) {
    const json_t *fields = json_object_get(row, "fields");
    const json_t *metadata = json_object_get(row, "metadata");
    size_t i = 0, j = 0;
    while (i < FD_LENGTH(sides) && !json_object_get(fields, sides[i][0]))
        i++;
    while (j < FD_LENGTH(prompts) && !json_object_get(fields, prompts[j]))
        j++;
    if (i == FD_LENGTH(sides) || j == FD_LENGTH(prompts))
        return fd_row_refuse(draft, "fields", "must have a prompt, response_a and response_b");
    *ret_names = sides[i];
    pair->a = (fd_item_source){.name = "fields", .by_texts = true};
    pair->b = pair->a;
    draft->at = &(const fd_path){.name = "fields"};
    int r = fd_row_prompt(draft, fields, prompts[j], true, &pair->a.prompt);
    pair->b.prompt = pair->a.prompt;
    if (r == 0)
        r = fd_row_response(draft, fields, sides[i][0], &pair->a.response);
    if (r == 0)
        r = fd_row_response(draft, fields, sides[i][1], &pair->b.response);
    draft->at = &(const fd_path){.name = "metadata"};
    if (r == 0)
        r = fd_row_text(draft, metadata, "item_a", false, &pair->a.id);
    if (r == 0)
        r = fd_row_text(draft, metadata, "item_b", false, &pair->b.id);
    draft->at = NULL;
    return r;
}

/* ---- responses of people ---- */

/* The first name of a ranking, which is a list of names, or of lists of names of the same rank. */
static const char *word_of(const json_t *value) {
    const json_t *first = json_array_get(value, 0);
    if (json_is_array(first))
        return json_array_size(first) > 1 ? "tie" : json_string_value(json_array_get(first, 0));
    return json_is_array(value) ? json_string_value(first) : json_string_value(value);
}

static bool counts(const json_t *response) {
    const char *status = json_string_value(json_object_get(response, "status"));
    return json_is_object(response) && (!status || strcmp(status, "submitted") == 0);
}

static int read_response(fd_row_draft *draft, const json_t *row, const json_t *response,
                         const char *const *names, fd_imported_label *ret) {
    const char *word = word_of(json_object_get(response, "value"));
    bool is_ours = json_object_get(json_object_get(row, "metadata"), "item_a") != NULL;
    int r = 0;
    if (word && strcmp(word, names[0]) == 0)
        ret->preference = FD_PREFER_A;
    else if (word && strcmp(word, names[1]) == 0)
        ret->preference = FD_PREFER_B;
    else
        r = fd_row_preference(draft, "responses", word ? word : "", &ret->preference);
    if (r == 0)
        r = fd_row_text(draft, response, "user_id", false, &ret->annotator);
    return r == 0 && is_ours ? fd_row_text(draft, row, "id", false, &ret->id) : r;
}

/* The question is the first whose responses are a list. */
static const json_t *responses_of(const json_t *row) {
    const char *name;
    json_t *list;
    json_object_foreach(json_object_get(row, "responses"), name, list) {
        if (json_array_size(list) > 0)
            return list;
    }
    return NULL;
}

int fd_import_read_argilla(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair;
    const char *id_a, *id_b;
    const char *const *names = sides[0];
    size_t i;
    json_t *response;
    int r = read_fields(draft, row, &pair, &names);
    if (r == 0)
        r = fd_row_add_item(draft, &pair.a, &id_a);
    if (r == 0)
        r = fd_row_add_item(draft, &pair.b, &id_b);
    json_array_foreach(responses_of(row), i, response) {
        fd_imported_label label = FD_LABEL_UNKNOWN;
        if (r < 0)
            return r;
        if (!counts(response))
            continue;
        label.a = id_a;
        label.b = id_b;
        r = read_response(draft, row, response, names, &label);
        if (r == 0)
            r = fd_row_add_label(draft, &label);
    }
    return r;
}
