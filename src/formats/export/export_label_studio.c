/* The format "label-studio": a task of Label Studio with one annotation, for a configuration with
 * <Pairwise name="pw" toName="text1,text2"/>. A tie is of <Choices name="tie" toName="text1">. */
#include "export_writers.h"

/* A pairwise result names itself as its object. */
static json_t *result_of(fd_preference preference) {
    if (preference == FD_PREFER_TIE)
        return json_pack("{s:s, s:s, s:s, s:{s:[s]}}", "from_name", "tie", "to_name", "text1",
                         "type", "choices", "value", "choices", "tie");
    return json_pack("{s:s, s:s, s:s, s:{s:s}}", "from_name", "pw", "to_name", "pw", "type",
                     "pairwise", "value", "selected", preference == FD_PREFER_A ? "left" : "right");
}

static json_t *annotation_of(const fd_label_row *label) {
    json_t *annotation =
        json_pack("{s:[o], s:b, s:o}", "result", result_of(label->preference), "was_cancelled",
                  false, "created_at", fd_export_time(label->created_ms));
    if (annotation && label->duration_ms >= 0 &&
        json_object_set_new(annotation, "lead_time", json_real((double)label->duration_ms / 1000)) <
            0) {
        json_decref(annotation);
        return NULL;
    }
    return annotation;
}

int fd_export_label_studio(const fd_export_settings *settings, const fd_labelled_pair *pair,
                           const fd_export_sink *sink) {
    (void)settings;
    const fd_label_row *label = &pair->label;
    return fd_export_line(
        sink, json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s}, s:[o]}", "data", "prompt",
                        pair->a.prompt, "text1", pair->a.response, "text2", pair->b.response,
                        "meta", "label", label->id, "annotator", label->annotator, "item1",
                        pair->a.id, "item2", pair->b.id, "annotations", annotation_of(label)));
}
