/*
 * The format "preferences": what `fisherd export` writes as `preferences` and as `csv`
 * (docs/EXPORT.md), and any table of "prompt", "response_a", "response_b" and "preference". Without
 * responses a label is about items that are there already. How a pair was chosen (arm to
 * assignment) is not taken: it belongs to the assignments of the database that chose it.
 */
#include <math.h>
#include <string.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

static bool has(const json_t *row, const char *name) {
    return json_object_get(row, name) != NULL;
}

bool fd_import_fits_preferences(const json_t *row) {
    return has(row, "preference") &&
           ((has(row, "response_a") && has(row, "response_b")) || (has(row, "a") && has(row, "b")));
}

static bool is_absent(const json_t *row, const char *name) {
    const json_t *value = json_object_get(row, name);
    return !value || json_is_null(value);
}

static int read_side(fd_row_draft *draft, const json_t *row, const char *id, const char *prompt_id,
                     const char *prompt, const char *response, fd_item_source *ret) {
    *ret = (fd_item_source){.name = response, .by_texts = true};
    int r = fd_row_text(draft, row, id, false, &ret->id);
    if (r == 0)
        r = fd_row_text(draft, row, prompt_id, false, &ret->prompt_id);
    if (r == 0)
        r = fd_row_prompt(draft, row, prompt, false, &ret->prompt);
    return r < 0 ? r : fd_row_response(draft, row, response, &ret->response);
}

static int read_label(fd_row_draft *draft, const json_t *row, fd_imported_label *ret) {
    double duration;
    int r = fd_row_text(draft, row, "id", false, &ret->id);
    if (r == 0)
        r = fd_row_text(draft, row, "annotator", false, &ret->annotator);
    if (r == 0)
        r = fd_row_text(draft, row, "comment", false, &ret->comment);
    if (r == 0)
        r = fd_row_time(draft, row, "created_at", &ret->created_ms);
    if (r == 0)
        r = fd_row_number(draft, row, "duration_ms", &duration);
    if (r < 0 || isnan(duration))
        return r;
    if (!(duration >= 0 && duration <= 9007199254740992.0))
        return fd_row_refuse(draft, "duration_ms", "must not be negative");
    ret->duration_ms = (int64_t)duration;
    return 0;
}

/* Both items, which have the prompt in common unless the second has its own. */
static int read_items(fd_row_draft *draft, const json_t *row, fd_imported_label *label) {
    fd_item_source a, b;
    bool across = !is_absent(row, "prompt_id_b") || !is_absent(row, "prompt_b");
    int r = read_side(draft, row, "a", "prompt_id", "prompt", "response_a", &a);
    if (r == 0)
        r = read_side(draft, row, "b", across ? "prompt_id_b" : "prompt_id",
                      is_absent(row, "prompt_b") ? "prompt" : "prompt_b", "response_b", &b);
    if (r == 0)
        r = fd_row_add_item(draft, &a, &label->a);
    return r < 0 ? r : fd_row_add_item(draft, &b, &label->b);
}

int fd_import_read_preferences(fd_row_draft *draft, const json_t *row) {
    fd_imported_label label = FD_LABEL_UNKNOWN;
    const char *word;
    bool has_texts = !is_absent(row, "response_a") && !is_absent(row, "response_b");
    int r = fd_row_text(draft, row, "preference", true, &word);
    if (r == 0 && has_texts && strcmp(word, "retracted") == 0)
        return read_items(draft, row, &label); /* the label does not count any more */
    if (r == 0)
        r = fd_row_preference(draft, "preference", word, &label.preference);
    if (r == 0)
        r = read_label(draft, row, &label);
    if (r < 0)
        return r;
    if (has_texts) {
        r = read_items(draft, row, &label);
    } else {
        r = fd_row_text(draft, row, "a", true, &label.a);
        if (r == 0)
            r = fd_row_text(draft, row, "b", true, &label.b);
    }
    return r < 0 ? r : fd_row_add_label(draft, &label);
}
