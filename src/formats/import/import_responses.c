/*
 * The format "responses": {"prompt", "responses": [ … ]}. A response is a text, or an object with
 * "response", "text" or "content", and "model" and "score"; or the models and scores are lists
 * beside the responses.
 */
#include <math.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

static const char responses_name[] = "responses";

bool fd_import_fits_responses(const json_t *row) {
    return json_is_array(json_object_get(row, responses_name));
}

static int read_object(fd_row_draft *draft, const json_t *object, fd_item_source *ret,
                       const char **ret_model, double *ret_score) {
    static const char *const names[] = {"response", "text", "content"};
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(names) && r == 0 && !ret->response; i++)
        r = fd_row_text(draft, object, names[i], false, &ret->response);
    if (r == 0)
        r = fd_row_text(draft, object, "model", false, ret_model);
    return r < 0 ? r : fd_row_number(draft, object, "score", ret_score);
}

static int add_response(fd_row_draft *draft, const json_t *row, size_t place, const char *prompt) {
    const json_t *response = json_array_get(json_object_get(row, responses_name), place);
    const json_t *score = json_array_get(json_object_get(row, "scores"), place);
    const char *id;
    const char *model = json_string_value(json_array_get(json_object_get(row, "models"), place));
    double number = json_is_number(score) ? json_number_value(score) : NAN;
    fd_item_source source = {
        .name = responses_name, .prompt = prompt, .response = json_string_value(response)};
    const fd_path list = {.name = responses_name}, here = {.parent = &list, .index = place};
    int r = fd_row_text(draft, row, "prompt_id", false, &source.prompt_id);
    draft->at = &here;
    if (r == 0 && json_is_object(response))
        r = read_object(draft, response, &source, &model, &number);
    draft->at = NULL;
    if (r == 0 && (!source.response || source.response[0] == '\0'))
        return fd_row_refuse(draft, responses_name, "must be texts that are not empty");
    if (r == 0)
        r = fd_row_model(draft, model, &source.metadata);
    if (r == 0)
        r = fd_row_score(draft, "score", number, &source.scores);
    return r < 0 ? r : fd_row_add_item(draft, &source, &id);
}

int fd_import_read_responses(fd_row_draft *draft, const json_t *row) {
    const char *prompt;
    const json_t *scores = json_object_get(row, "scores");
    size_t n = json_array_size(json_object_get(row, responses_name));
    int r = fd_row_prompt(draft, row, "prompt", true, &prompt);
    if (r == 0 && n == 0)
        return fd_row_refuse(draft, responses_name, "is an empty list, or none");
    if (r == 0 && json_is_array(scores) && json_array_size(scores) != n)
        return fd_row_refuse(draft, "scores", "must be as many as the responses");
    for (size_t i = 0; i < n && r == 0; i++)
        r = add_response(draft, row, i, prompt);
    return r;
}
