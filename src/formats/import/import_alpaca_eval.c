/*
 * The format "alpaca-eval": outputs of a model, {"instruction", "output", "generator"}, and
 * annotations, {"instruction", "output_1", "output_2", "preference"}: from 1 (the first is better)
 * to 2 (the second is); 1.5 and, in older files, 0 are ties.
 *
 * Source: the README of tatsu-lab/alpaca_eval, versions 0.3 to 0.6 (2023 and 2024).
 */
#include <math.h>
#include <stdio.h>

#include "import_formats.h"
#include "row_pair.h"

static bool has(const json_t *row, const char *name) {
    return json_object_get(row, name) != NULL;
}

bool fd_import_fits_alpaca_eval(const json_t *row) {
    return has(row, "instruction") &&
           (has(row, "output") || (has(row, "output_1") && has(row, "output_2")));
}

/* The instruction, and the input that some have. */
static int read_prompt(fd_row_draft *draft, const json_t *row, const char **ret) {
    const char *input;
    char *both = NULL;
    int r = fd_row_text(draft, row, "instruction", true, ret);
    if (r == 0)
        r = fd_row_text(draft, row, "input", false, &input);
    if (r < 0 || !input || input[0] == '\0')
        return r;
    int length = asprintf(&both, "%s\n\n%s", *ret, input);
    *ret = length < 0 ? NULL : both;
    return fd_row_own(draft, length < 0 ? NULL : both);
}

static int read_output(fd_row_draft *draft, const json_t *row, const char *output,
                       const char *generator, fd_item_source *ret) {
    const char *model;
    ret->name = output;
    int r = read_prompt(draft, row, &ret->prompt);
    if (r == 0)
        r = fd_row_text(draft, row, output, true, &ret->response);
    if (r == 0)
        r = fd_row_text(draft, row, generator, false, &model);
    return r < 0 ? r : fd_row_model(draft, model, &ret->metadata);
}

static int read_annotation(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair = {.label = FD_LABEL_UNKNOWN};
    double preference;
    int r = read_output(draft, row, "output_1", "generator_1", &pair.a);
    if (r == 0)
        r = read_output(draft, row, "output_2", "generator_2", &pair.b);
    if (r == 0)
        r = fd_row_text(draft, row, "annotator", false, &pair.label.annotator);
    if (r == 0)
        r = fd_row_number(draft, row, "preference", &preference);
    if (r < 0)
        return r;
    if (!(preference == 0 || (preference >= 1 && preference <= 2)))
        return fd_row_refuse(draft, "preference", "must be a number from 1 to 2, or 0");
    pair.label.preference = preference == 0 ? FD_PREFER_TIE : fd_preference_of(preference, 1.5);
    return fd_row_add_pair(draft, &pair);
}

int fd_import_read_alpaca_eval(fd_row_draft *draft, const json_t *row) {
    const char *id;
    fd_item_source source = {0};
    if (!has(row, "output"))
        return read_annotation(draft, row);
    int r = read_output(draft, row, "output", "generator", &source);
    return r < 0 ? r : fd_row_add_item(draft, &source, &id);
}
