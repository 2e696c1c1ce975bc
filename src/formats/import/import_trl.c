/*
 * The formats "trl", "hh-rlhf" and "rewardbench": {"chosen", "rejected"}, with or without a
 * "prompt", as texts or as turns.
 *
 * Sources: "Dataset formats and types" of the TRL documentation, versions 0.11 to 0.24 (2024 and
 * 2025), and its extract_prompt for prompts that are implicit; the dataset card of
 * Anthropic/hh-rlhf (2022); that of allenai/reward-bench (2024: chosen_model, rejected_model,
 * subset); that of HuggingFaceH4/ultrafeedback_binarized (2023: score_chosen, score_rejected).
 */
#include <string.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

static const char human[] = "\n\nHuman:", assistant[] = "\n\nAssistant:";

static const char *text_of(const json_t *row, const char *name) {
    return json_string_value(json_object_get(row, name));
}

bool fd_import_fits_trl(const json_t *row) {
    return json_object_get(row, "chosen") && json_object_get(row, "rejected");
}

bool fd_import_fits_rewardbench(const json_t *row) {
    return fd_import_fits_trl(row) && json_object_get(row, "prompt") &&
           json_object_get(row, "chosen_model") && json_object_get(row, "rejected_model");
}

bool fd_import_fits_hh_rlhf(const json_t *row) {
    const char *chosen = text_of(row, "chosen");
    return chosen && !json_object_get(row, "prompt") && strstr(chosen, human) &&
           strstr(chosen, assistant);
}

/* ---- an implicit prompt in texts ---- */

/* The prompt of two transcripts ends with the last "Assistant:" that they have in common; the
 * responses begin after the blank that follows. */
static int cut_transcripts(fd_row_draft *draft, const char *a, const char *b, size_t common,
                           size_t *ret) {
    const char *last = NULL;
    for (const char *at = strstr(a, assistant);
         at && at + strlen(assistant) <= a + common && strncmp(a, b, common) == 0;
         at = strstr(at + 1, assistant))
        last = at + strlen(assistant);
    if (!last)
        return fd_row_refuse(draft, "rejected", "has no prompt in common with \"chosen\"");
    *ret = (size_t)(last - a);
    return 0;
}

/* As TRL cuts texts: where they begin to differ, but a blank before is a part of the responses. */
static size_t cut_texts(const char *a, size_t common) {
    while (common > 0 && ((unsigned char)a[common] & 0xc0) == 0x80)
        common--;
    return common - (common > 0 && a[common - 1] == ' ');
}

static int read_texts(fd_row_draft *draft, const char *a, const char *b, fd_pair_source *pair) {
    size_t common = 0, cut = 0;
    int r = 0;
    while (a[common] != '\0' && a[common] == b[common])
        common++;
    bool is_transcript = strstr(a, human) && strstr(a, assistant);
    if (is_transcript)
        r = cut_transcripts(draft, a, b, common, &cut);
    else
        cut = cut_texts(a, common);
    if (r < 0)
        return r;
    char *prompt = strndup(a, cut);
    pair->a.prompt = pair->b.prompt = prompt;
    r = fd_row_own(draft, prompt);
    pair->a.response = a + cut + (is_transcript ? strspn(a + cut, " ") : 0);
    pair->b.response = b + cut + (is_transcript ? strspn(b + cut, " ") : 0);
    if (r == 0 && pair->a.response[0] == '\0')
        return fd_row_refuse(draft, "chosen", "has no response after the prompt");
    if (r == 0 && pair->b.response[0] == '\0')
        return fd_row_refuse(draft, "rejected", "has no response after the prompt");
    return r;
}

/* ---- turns ---- */

static bool begins_with_prompt(const json_t *turns) {
    const char *role = text_of(json_array_get(turns, 0), "role");
    return role && strcmp(role, "assistant") != 0;
}

static int read_turns(fd_row_draft *draft, const json_t *row, fd_pair_source *pair) {
    json_t *chosen, *rejected;
    int r = fd_row_turns(draft, json_object_get(row, "chosen"), "chosen", &chosen);
    if (r == 0)
        r = fd_row_turns(draft, json_object_get(row, "rejected"), "rejected", &rejected);
    if (r < 0)
        return r;
    if (!pair->a.prompt || begins_with_prompt(chosen))
        return fd_row_conversations(draft, chosen, rejected, pair);
    r = fd_row_response_of(draft, chosen, 0, "chosen", &pair->a.response);
    return r < 0 ? r : fd_row_response_of(draft, rejected, 0, "rejected", &pair->b.response);
}

/* ---- what else is known ---- */

static int read_side(fd_row_draft *draft, const json_t *row, const char *model, const char *score,
                     fd_item_source *ret) {
    double number;
    const char *name;
    int r = fd_row_text(draft, row, model, false, &name);
    if (r == 0)
        r = fd_row_model(draft, name, &ret->metadata);
    if (r == 0)
        r = fd_row_number(draft, row, score, &number);
    return r < 0 ? r : fd_row_score(draft, "score", number, &ret->scores);
}

static int read_label(fd_row_draft *draft, const json_t *row, fd_imported_label *ret) {
    int r = fd_row_text(draft, row, "annotator", false, &ret->annotator);
    return r < 0 ? r : fd_row_time(draft, row, "created_at", &ret->created_ms);
}

static int read_pair(fd_row_draft *draft, const json_t *row, fd_pair_source *pair) {
    int r = fd_row_prompt(draft, row, "prompt", false, &pair->a.prompt);
    pair->b.prompt = pair->a.prompt;
    if (r < 0)
        return r;
    if (json_is_array(json_object_get(row, "chosen")))
        return read_turns(draft, row, pair);
    r = fd_row_text(draft, row, "chosen", true, &pair->a.response);
    if (r == 0)
        r = fd_row_text(draft, row, "rejected", true, &pair->b.response);
    if (r < 0 || pair->a.prompt)
        return r;
    return read_texts(draft, pair->a.response, pair->b.response, pair);
}

int fd_import_read_trl(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair = {.a.name = "chosen", .b.name = "rejected", .label = FD_LABEL_UNKNOWN};
    int r = read_pair(draft, row, &pair);
    if (r == 0)
        r = read_side(draft, row, "chosen_model", "score_chosen", &pair.a);
    if (r == 0)
        r = read_side(draft, row, "rejected_model", "score_rejected", &pair.b);
    if (r == 0)
        r = read_label(draft, row, &pair.label);
    return r < 0 ? r : fd_row_add_pair(draft, &pair);
}
