/*
 * The format "label-studio": tasks with pairwise annotations, {"data": {"prompt", "text1",
 * "text2"}, "annotations": [{"result": [{"type": "pairwise", "value": {"selected": "left"}}],
 * "completed_by", "created_at", "lead_time"}]}. A choice "tie" is a tie; an annotation that was
 * cancelled is none. A task without annotations gives its items. `--map data.text1=…` is not needed
 * for the names of Label Studio's own templates, which are below.
 *
 * Sources: "Label Studio Task Format" and the tag Pairwise of the Label Studio documentation (1.20,
 * 2025), and src/formats/export/export_label_studio.c, whose member "meta" gives ids back.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

static const char *const sides[][2] = {
    {"text1", "text2"},           {"answer1", "answer2"},       {"response1", "response2"},
    {"response_a", "response_b"}, {"response_1", "response_2"}, {"left", "right"},
};
static const char *const prompts[] = {"prompt", "question", "instruction", "context"};

bool fd_import_fits_label_studio(const json_t *row) {
    return json_is_object(json_object_get(row, "data")) &&
           (json_object_get(row, "annotations") || json_object_get(row, "predictions") ||
            json_object_get(row, "meta") || json_object_size(row) == 1);
}

static int read_data(fd_row_draft *draft, const json_t *row, fd_pair_source *pair) {
    const json_t *data = json_object_get(row, "data");
    const json_t *meta = json_object_get(row, "meta");
    size_t i = 0, j = 0;
    while (i < FD_LENGTH(sides) && !json_object_get(data, sides[i][0]))
        i++;
    while (j < FD_LENGTH(prompts) && !json_object_get(data, prompts[j]))
        j++;
    if (i == FD_LENGTH(sides))
        return fd_row_refuse(draft, "data", "has no two texts, such as text1 and text2");
    pair->a = (fd_item_source){.name = "data", .by_texts = true};
    pair->b = pair->a;
    if (j == FD_LENGTH(prompts))
        return fd_row_refuse(draft, "data", "has no prompt");
    draft->at = &(const fd_path){.name = "data"};
    int r = fd_row_prompt(draft, data, prompts[j], true, &pair->a.prompt);
    pair->b.prompt = pair->a.prompt;
    if (r == 0)
        r = fd_row_response(draft, data, sides[i][0], &pair->a.response);
    if (r == 0)
        r = fd_row_response(draft, data, sides[i][1], &pair->b.response);
    draft->at = &(const fd_path){.name = "meta"};
    if (r == 0)
        r = fd_row_text(draft, meta, "item1", false, &pair->a.id);
    if (r == 0)
        r = fd_row_text(draft, meta, "item2", false, &pair->b.id);
    draft->at = NULL;
    return r;
}

/* ---- an annotation ---- */

/* What it says, in the word of its first result that says something; NULL: nothing. */
static const char *word_of(const json_t *annotation) {
    size_t i;
    json_t *result;
    const char *word = NULL;
    json_array_foreach(json_object_get(annotation, "result"), i, result) {
        const json_t *value = json_object_get(result, "value");
        const json_t *selected = json_object_get(value, "selected");
        const json_t *choice = json_array_get(json_object_get(value, "choices"), 0);
        if (json_is_string(selected))
            return json_string_value(selected);
        if (json_is_string(choice) && strcasecmp(json_string_value(choice), "tie") == 0)
            word = "tie";
    }
    return word;
}

/* A number, an address, or an object with one of them. */
static int read_annotator(fd_row_draft *draft, const json_t *by, const char **ret) {
    if (json_is_object(by)) {
        const json_t *email = json_object_get(by, "email");
        by = email ? email : json_object_get(by, "id");
    }
    *ret = json_string_value(by);
    if (!json_is_integer(by))
        return 0;
    json_t *name = json_sprintf("label-studio-%" JSON_INTEGER_FORMAT, json_integer_value(by));
    *ret = json_string_value(name);
    return fd_row_own_tree(draft, name);
}

static int read_id(fd_row_draft *draft, const json_t *row, const json_t *annotation,
                   const char **ret) {
    const json_t *id = json_object_get(annotation, "id");
    int r = fd_row_text(draft, json_object_get(row, "meta"), "label", false, ret);
    if (r < 0 || *ret || !id)
        return r;
    json_t *text =
        json_is_integer(id)
            ? json_sprintf("label-studio-%" JSON_INTEGER_FORMAT, json_integer_value(id))
            : json_sprintf("label-studio-%s", json_is_string(id) ? json_string_value(id) : "");
    *ret = json_string_value(text);
    return fd_row_own_tree(draft, text);
}

static int read_annotation(fd_row_draft *draft, const json_t *row, const json_t *annotation,
                           fd_imported_label *ret) {
    double seconds;
    const json_t *meta = json_object_get(row, "meta");
    int r = fd_row_preference(draft, "result", word_of(annotation), &ret->preference);
    if (r == 0)
        r = read_id(draft, row, annotation, &ret->id);
    if (r == 0)
        r = read_annotator(draft, json_object_get(annotation, "completed_by"), &ret->annotator);
    if (r == 0 && !ret->annotator)
        r = fd_row_text(draft, meta, "annotator", false, &ret->annotator);
    if (r == 0)
        r = fd_row_time(draft, annotation, "created_at", &ret->created_ms);
    if (r == 0)
        r = fd_row_number(draft, annotation, "lead_time", &seconds);
    if (r == 0 && seconds >= 0 && seconds < 1e9)
        ret->duration_ms = (int64_t)llround(seconds * 1000);
    return r;
}

int fd_import_read_label_studio(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair;
    const char *id_a, *id_b;
    size_t i;
    json_t *annotation;
    int r = read_data(draft, row, &pair);
    if (r == 0)
        r = fd_row_add_item(draft, &pair.a, &id_a);
    if (r == 0)
        r = fd_row_add_item(draft, &pair.b, &id_b);
    json_array_foreach(json_object_get(row, "annotations"), i, annotation) {
        fd_imported_label label = FD_LABEL_UNKNOWN;
        if (r < 0)
            return r;
        label.a = id_a;
        label.b = id_b;
        if (json_is_true(json_object_get(annotation, "was_cancelled")) || !word_of(annotation))
            continue;
        const fd_path list = {.name = "annotations"}, here = {.parent = &list, .index = i};
        draft->at = &here;
        r = read_annotation(draft, row, annotation, &label);
        draft->at = NULL;
        if (r == 0)
            r = fd_row_add_label(draft, &label);
    }
    return r;
}
