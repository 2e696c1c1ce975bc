/*
 * The formats "ultrafeedback" and "ultrafeedback-preferences": {"instruction", "completions":
 * [{"model", "response", "overall_score", "fine-grained_score"}, …]}. The scores become prior
 * scores. The second also makes preferences of them: of each two completions whose overall scores
 * differ.
 *
 * Source: the README of OpenBMB/UltraFeedback, 29 December 2023, and its dataset card.
 */
#include <math.h>

#include "import_formats.h"
#include "row_pair.h"

static const char overall[] = "overall_score", fine[] = "fine-grained_score";

bool fd_import_fits_ultrafeedback(const json_t *row) {
    return json_object_get(row, "instruction") &&
           json_is_array(json_object_get(row, "completions"));
}

bool fd_import_fits_nothing(const json_t *row) {
    (void)row;
    return false;
}

static int read_scores(fd_row_draft *draft, const json_t *completion, const json_t **ret,
                       double *ret_overall) {
    double detailed;
    int r = fd_row_number(draft, completion, overall, ret_overall);
    if (r == 0)
        r = fd_row_number(draft, completion, fine, &detailed);
    json_t *scores = r == 0 ? json_object() : NULL;
    *ret = scores;
    if (r == 0)
        r = fd_row_own_tree(draft, scores);
    if (r == 0 && isfinite(*ret_overall))
        r = json_object_set_new(scores, overall, json_real(*ret_overall));
    if (r == 0 && isfinite(detailed))
        r = json_object_set_new(scores, fine, json_real(detailed));
    return r;
}

static int add_completion(fd_row_draft *draft, const char *prompt, const json_t *completion,
                          const char **ret_id, double *ret_overall) {
    const char *model;
    fd_item_source source = {.name = "response", .prompt = prompt};
    int r = fd_row_text(draft, completion, "response", true, &source.response);
    if (r == 0)
        r = fd_row_text(draft, completion, "model", false, &model);
    if (r == 0)
        r = fd_row_model(draft, model, &source.metadata);
    if (r == 0)
        r = read_scores(draft, completion, &source.scores, ret_overall);
    return r < 0 ? r : fd_row_add_item(draft, &source, ret_id);
}

enum { COMPLETIONS_MAX = 64 };

static int add_completions(fd_row_draft *draft, const json_t *row, const char **ids,
                           double *scores) {
    const char *prompt;
    size_t i;
    json_t *completion;
    int r = fd_row_text(draft, row, "instruction", true, &prompt);
    if (r == 0 && json_array_size(json_object_get(row, "completions")) == 0)
        return fd_row_refuse(draft, "completions", "is an empty list, or none");
    json_array_foreach(json_object_get(row, "completions"), i, completion) {
        if (r < 0)
            return r;
        if (i == COMPLETIONS_MAX)
            return fd_row_refuse(draft, "completions", "has more than %d", COMPLETIONS_MAX);
        const fd_path list = {.name = "completions"}, here = {.parent = &list, .index = i};
        draft->at = &here;
        r = add_completion(draft, prompt, completion, &ids[i], &scores[i]);
        draft->at = NULL;
    }
    return r;
}

int fd_import_read_ultrafeedback(fd_row_draft *draft, const json_t *row) {
    const char *ids[COMPLETIONS_MAX];
    double scores[COMPLETIONS_MAX];
    return add_completions(draft, row, ids, scores);
}

int fd_import_read_ultrafeedback_preferences(fd_row_draft *draft, const json_t *row) {
    const char *ids[COMPLETIONS_MAX];
    double scores[COMPLETIONS_MAX];
    size_t n = json_array_size(json_object_get(row, "completions"));
    int r = add_completions(draft, row, ids, scores);
    for (size_t i = 0; i < n && r == 0; i++)
        for (size_t j = i + 1; j < n && r == 0; j++) {
            fd_imported_label label = FD_LABEL_UNKNOWN;
            label.a = ids[i];
            label.b = ids[j];
            label.preference = scores[i] > scores[j] ? FD_PREFER_A : FD_PREFER_B;
            if (scores[i] > scores[j] || scores[i] < scores[j])
                r = fd_row_add_label(draft, &label);
        }
    return r;
}
