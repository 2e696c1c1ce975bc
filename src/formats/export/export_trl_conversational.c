/* The format "trl-conversational": preference data of TRL with an explicit prompt, as turns. A tie
 * is two lines, one for each side. */
#include "export_writers.h"

static int write_side(const fd_labelled_pair *pair, bool prefers_a, const fd_export_sink *sink) {
    const fd_item_row *chosen = prefers_a ? &pair->a : &pair->b;
    const fd_item_row *rejected = prefers_a ? &pair->b : &pair->a;
    return fd_export_line(sink, json_pack("{s:o, s:[{s:s, s:s}], s:[{s:s, s:s}]}", "prompt",
                                          fd_export_turns(pair->a.prompt), "chosen", "role",
                                          "assistant", "content", chosen->response, "rejected",
                                          "role", "assistant", "content", rejected->response));
}

int fd_export_trl_conversational(const fd_export_settings *settings, const fd_labelled_pair *pair,
                                 const fd_export_sink *sink) {
    (void)settings;
    int r = pair->label.preference == FD_PREFER_B ? 0 : write_side(pair, true, sink);
    return r < 0 || pair->label.preference == FD_PREFER_A ? r : write_side(pair, false, sink);
}
