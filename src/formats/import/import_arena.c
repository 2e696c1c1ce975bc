/*
 * The format "arena": battles of two models. Either {"conversation_a", "conversation_b": turns,
 * "winner": "model_a", "model_b", "tie", "tie (bothbad)" or "both_bad"}, or the table of the
 * competition: "prompt", "response_a" and "response_b", each a JSON list of texts as a text, with
 * "winner_model_a", "winner_model_b" and "winner_tie" of which one is 1. Both bad is a tie.
 *
 * Sources: the dataset cards of lmsys/chatbot_arena_conversations (2023) and
 * lmarena-ai/arena-human-preference-140k (2025), and the data page of Kaggle's "LMSYS - Chatbot
 * Arena Human Preference Predictions" (2024).
 */
#include <errno.h>

#include "import_formats.h"
#include "import_turns.h"
#include "row_pair.h"

static bool has(const json_t *row, const char *name) {
    return json_object_get(row, name) != NULL;
}

static bool is_table(const json_t *row) {
    return has(row, "winner_model_a") && has(row, "winner_model_b") && has(row, "response_a") &&
           has(row, "response_b");
}

bool fd_import_fits_arena(const json_t *row) {
    return is_table(row) ||
           (has(row, "conversation_a") && has(row, "conversation_b") && has(row, "winner"));
}

/* ---- the table ---- */

/* A JSON list of texts, or the text itself. */
static int read_list(fd_row_draft *draft, const json_t *row, const char *name, json_t **ret) {
    const char *text;
    size_t i;
    json_t *element;
    int r = fd_row_text(draft, row, name, true, &text);
    if (r < 0)
        return r;
    json_t *list = text[0] == '[' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!list)
        list = json_pack("[s]", text);
    *ret = list;
    r = fd_row_own_tree(draft, list);
    json_array_foreach(list, i, element) {
        if (!json_is_string(element))
            return fd_row_refuse(draft, name, "must be a list of texts");
    }
    return r;
}

static int append(json_t *turns, const char *role, const json_t *text) {
    json_t *turn = json_pack("{s:s, s:O}", "role", role, "content", text);
    return turn && json_array_append_new(turns, turn) == 0 ? 0 : -ENOMEM;
}

static int read_column(fd_row_draft *draft, const json_t *row, const json_t *prompts,
                       const char *name, json_t **ret) {
    json_t *responses;
    json_t *turns = json_array();
    *ret = turns;
    int r = fd_row_own_tree(draft, turns);
    if (r == 0)
        r = read_list(draft, row, name, &responses);
    if (r < 0)
        return r;
    if (json_array_size(responses) != json_array_size(prompts))
        return fd_row_refuse(draft, name, "must have as many turns as the prompt");
    for (size_t i = 0; i < json_array_size(prompts) && r == 0; i++) {
        r = append(turns, "user", json_array_get(prompts, i));
        if (r == 0)
            r = append(turns, "assistant", json_array_get(responses, i));
    }
    return r;
}

static int read_table(fd_row_draft *draft, const json_t *row, fd_pair_source *pair) {
    json_t *prompts, *a, *b;
    double wins_a, wins_b;
    pair->a.name = "response_a";
    pair->b.name = "response_b";
    int r = read_list(draft, row, "prompt", &prompts);
    if (r == 0)
        r = read_column(draft, row, prompts, "response_a", &a);
    if (r == 0)
        r = read_column(draft, row, prompts, "response_b", &b);
    if (r == 0)
        r = fd_row_conversations(draft, a, b, pair);
    if (r == 0)
        r = fd_row_number(draft, row, "winner_model_a", &wins_a);
    if (r == 0)
        r = fd_row_number(draft, row, "winner_model_b", &wins_b);
    if (r < 0)
        return r;
    pair->label.preference = wins_a > wins_b   ? FD_PREFER_A
                             : wins_a < wins_b ? FD_PREFER_B
                                               : FD_PREFER_TIE;
    return 0;
}

/* ---- conversations ---- */

static int read_conversations(fd_row_draft *draft, const json_t *row, fd_pair_source *pair) {
    json_t *a, *b;
    const char *winner;
    pair->a.name = "conversation_a";
    pair->b.name = "conversation_b";
    int r = fd_row_turns(draft, json_object_get(row, pair->a.name), pair->a.name, &a);
    if (r == 0)
        r = fd_row_turns(draft, json_object_get(row, pair->b.name), pair->b.name, &b);
    if (r == 0)
        r = fd_row_conversations(draft, a, b, pair);
    if (r == 0)
        r = fd_row_text(draft, row, "winner", true, &winner);
    return r < 0 ? r : fd_row_preference(draft, "winner", winner, &pair->label.preference);
}

/* Its id may be a number, and its time has one of two names. */
static int read_label(fd_row_draft *draft, const json_t *row, fd_imported_label *ret) {
    const char *id = has(row, "question_id") ? "question_id" : "id";
    int r = 0;
    if (json_is_integer(json_object_get(row, id))) {
        json_t *text =
            json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(row, id)));
        ret->id = json_string_value(text);
        r = fd_row_own_tree(draft, text);
    } else {
        r = fd_row_text(draft, row, id, false, &ret->id);
    }
    if (r == 0 && json_is_string(json_object_get(row, "judge")))
        r = fd_row_text(draft, row, "judge", false, &ret->annotator);
    if (r == 0)
        r = fd_row_time(draft, row, has(row, "tstamp") ? "tstamp" : "timestamp", &ret->created_ms);
    return r;
}

int fd_import_read_arena(fd_row_draft *draft, const json_t *row) {
    fd_pair_source pair = {.label = FD_LABEL_UNKNOWN};
    const char *model_a, *model_b;
    int r = is_table(row) ? read_table(draft, row, &pair) : read_conversations(draft, row, &pair);
    if (r == 0)
        r = fd_row_text(draft, row, "model_a", false, &model_a);
    if (r == 0)
        r = fd_row_text(draft, row, "model_b", false, &model_b);
    if (r == 0)
        r = fd_row_model(draft, model_a, &pair.a.metadata);
    if (r == 0)
        r = fd_row_model(draft, model_b, &pair.b.metadata);
    if (r == 0)
        r = read_label(draft, row, &pair.label);
    return r < 0 ? r : fd_row_add_pair(draft, &pair);
}
