/* The format "trl": preference data of TRL with an explicit prompt, in the standard form. A tie is
 * two lines, one for each side: together they ask a trainer for one half. */
#include "export_writers.h"

static int write_side(const fd_labelled_pair *pair, bool prefers_a, const fd_export_sink *sink) {
    const fd_item_row *chosen = prefers_a ? &pair->a : &pair->b;
    const fd_item_row *rejected = prefers_a ? &pair->b : &pair->a;
    return fd_export_line(sink, json_pack("{s:s, s:s, s:s}", "prompt", pair->a.prompt, "chosen",
                                          chosen->response, "rejected", rejected->response));
}

int fd_export_trl(const fd_export_settings *settings, const fd_labelled_pair *pair,
                  const fd_export_sink *sink) {
    (void)settings;
    int r = pair->label.preference == FD_PREFER_B ? 0 : write_side(pair, true, sink);
    return r < 0 || pair->label.preference == FD_PREFER_A ? r : write_side(pair, false, sink);
}
