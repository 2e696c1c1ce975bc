/* The format "argilla": a record as Argilla's Record.from_dict reads it, with the fields prompt,
 * response_a and response_b, and the question preference. */
#include <math.h>

#include "export_writers.h"

/* Argilla's metadata knows nothing that is missing. */
static json_t *metadata_of(const fd_labelled_pair *pair) {
    const fd_assignment_row *given = &pair->assignment;
    json_t *metadata = json_pack("{s:s, s:s}", "item_a", pair->a.id, "item_b", pair->b.id);
    bool is_whole = metadata != NULL;
    if (is_whole && given->id)
        is_whole = json_object_set_new(metadata, "arm",
                                       json_string(given->control ? "control" : "active")) == 0;
    if (is_whole && given->id && isfinite(given->p))
        is_whole = json_object_set_new(metadata, "p", json_real(given->p)) == 0;
    if (is_whole)
        return metadata;
    json_decref(metadata);
    return NULL;
}

int fd_export_argilla(const fd_export_settings *settings, const fd_labelled_pair *pair,
                      const fd_export_sink *sink) {
    (void)settings;
    const fd_label_row *label = &pair->label;
    return fd_export_line(sink,
                          json_pack("{s:s, s:{s:s, s:s, s:s}, s:o, s:{}, s:{s:[{s:s, s:s}]}, s:{}}",
                                    "id", label->id, "fields", "prompt", pair->a.prompt,
                                    "response_a", pair->a.response, "response_b", pair->b.response,
                                    "metadata", metadata_of(pair), "suggestions", "responses",
                                    "preference", "value", fd_preference_name(label->preference),
                                    "user_id", label->annotator, "vectors"));
}
