/* Adds pairs, and reads what the formats of pairs have in common. */
#include "row_pair.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "import_turns.h"

int fd_row_add_pair(fd_row_draft *draft, const fd_pair_source *pair) {
    fd_imported_label label = pair->label;
    int r = fd_row_add_item(draft, &pair->a, &label.a);
    if (r == 0)
        r = fd_row_add_item(draft, &pair->b, &label.b);
    return r < 0 ? r : fd_row_add_label(draft, &label);
}

/* ---- preferences ---- */

static const struct {
    const char *word;
    fd_preference preference;
} words[] = {
    {"a", FD_PREFER_A},           {"b", FD_PREFER_B},          {"tie", FD_PREFER_TIE},
    {"skip", FD_PREFER_SKIP},     {"model_a", FD_PREFER_A},    {"model_b", FD_PREFER_B},
    {"left", FD_PREFER_A},        {"right", FD_PREFER_B},      {"response_a", FD_PREFER_A},
    {"response_b", FD_PREFER_B},  {"response-1", FD_PREFER_A}, {"response-2", FD_PREFER_B},
    {"response1", FD_PREFER_A},   {"response2", FD_PREFER_B},  {"tie (bothbad)", FD_PREFER_TIE},
    {"both_bad", FD_PREFER_TIE},  {"both bad", FD_PREFER_TIE}, {"both_good", FD_PREFER_TIE},
    {"both good", FD_PREFER_TIE}, {"draw", FD_PREFER_TIE},
};

int fd_row_preference(fd_row_draft *draft, const char *name, const char *word, fd_preference *ret) {
    for (size_t i = 0; i < FD_LENGTH(words); i++)
        if (strcasecmp(words[i].word, word) == 0) {
            *ret = words[i].preference;
            return 0;
        }
    return fd_row_refuse(draft, name, "is not a preference such as a, b or tie");
}

fd_preference fd_preference_of(double number, double middle) {
    return number < middle ? FD_PREFER_A : number > middle ? FD_PREFER_B : FD_PREFER_TIE;
}

/* ---- what is known of an item ---- */

int fd_row_model(fd_row_draft *draft, const char *model, const json_t **ret) {
    *ret = NULL;
    if (!model || model[0] == '\0' || strcmp(model, "unknown") == 0)
        return 0;
    json_t *metadata = json_pack("{s:s}", "model", model);
    *ret = metadata;
    return fd_row_own_tree(draft, metadata);
}

int fd_row_score(fd_row_draft *draft, const char *name, double value, const json_t **ret) {
    *ret = NULL;
    if (!isfinite(value))
        return 0;
    json_t *scores = json_pack("{s:f}", name, value);
    *ret = scores;
    return fd_row_own_tree(draft, scores);
}

/* ---- conversations ---- */

static bool is_assistant(const json_t *turns, size_t place) {
    const char *role = json_string_value(json_object_get(json_array_get(turns, place), "role"));
    return role && strcmp(role, "assistant") == 0;
}

static size_t common_turns(const json_t *a, const json_t *b) {
    size_t n = 0, best = SIZE_MAX;
    for (;; n++) {
        if (is_assistant(a, n) && is_assistant(b, n))
            best = n;
        if (n >= json_array_size(a) || n >= json_array_size(b) ||
            !json_equal(json_array_get(a, n), json_array_get(b, n)))
            return best;
    }
}

int fd_row_conversations(fd_row_draft *draft, const json_t *a, const json_t *b,
                         fd_pair_source *pair) {
    size_t n = common_turns(a, b);
    if (n == SIZE_MAX)
        return fd_row_refuse(draft, pair->b.name,
                             "has no prompt in common with the other conversation");
    int r = fd_row_prompt_of(draft, a, n, &pair->a.prompt);
    pair->b.prompt = pair->a.prompt;
    if (r == 0)
        r = fd_row_response_of(draft, a, n, pair->a.name, &pair->a.response);
    if (r == 0)
        r = fd_row_response_of(draft, b, n, pair->b.name, &pair->b.response);
    return r;
}
