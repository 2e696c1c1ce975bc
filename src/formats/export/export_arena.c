/* The format "arena": a battle as in chatbot_arena_conversations of LMSYS. */
#include <string.h>

#include "export_writers.h"

/* The member "model" of an item's metadata, or "unknown". */
static json_t *model_of(const fd_item_row *item) {
    json_t *metadata = item->metadata ? json_loads(item->metadata, 0, NULL) : NULL;
    const char *model = json_string_value(json_object_get(metadata, "model"));
    json_t *name = json_string(model ? model : "unknown");
    json_decref(metadata);
    return name;
}

/* The prompt and the response of an item; the turns of the user are counted. */
static json_t *conversation_of(const fd_item_row *item, json_int_t *ret_turns) {
    json_t *turns = fd_export_turns(item->prompt), *turn;
    size_t i;
    *ret_turns = 0;
    json_array_foreach(turns, i, turn) {
        const char *role = json_string_value(json_object_get(turn, "role"));
        *ret_turns += role && strcmp(role, "user") == 0;
    }
    if (json_array_append_new(
            turns, json_pack("{s:s, s:s}", "role", "assistant", "content", item->response)) == 0)
        return turns;
    json_decref(turns);
    return NULL;
}

static const char *winner_of(fd_preference preference) {
    return preference == FD_PREFER_A ? "model_a" : preference == FD_PREFER_B ? "model_b" : "tie";
}

int fd_export_arena(const fd_export_settings *settings, const fd_labelled_pair *pair,
                    const fd_export_sink *sink) {
    (void)settings;
    const fd_label_row *label = &pair->label;
    json_int_t turns;
    json_t *conversation_a = conversation_of(&pair->a, &turns);
    json_t *conversation_b = conversation_of(&pair->b, &turns);
    return fd_export_line(sink, json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:I, s:b, s:s, s:f}",
                                          "question_id", label->id, "model_a", model_of(&pair->a),
                                          "model_b", model_of(&pair->b), "winner",
                                          winner_of(label->preference), "judge", label->annotator,
                                          "conversation_a", conversation_a, "conversation_b",
                                          conversation_b, "turn", turns, "anony", true, "language",
                                          "unknown", "tstamp", (double)label->created_ms / 1000));
}
