/* What labels do to assignments: they end leases, take pairs from the ready queues, and put
 * unfinished pairs back. */
#ifndef FD_LABEL_EFFECTS_H
#define FD_LABEL_EFFECTS_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"

/* Before any thread runs: a row of the history, in its order, of a label that was `before` until
 * then. */
int fd_label_effects_replay(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                            fd_preference before) FD_MUST_CHECK;

/* The label hooks. */
void fd_label_effects_on_store(fd_engine *engine, const fd_label_row *row, uint32_t annotator);
void fd_label_effects_on_label(fd_engine *engine, const fd_label_row *row, uint32_t annotator,
                               bool is_new);
void fd_label_effects_on_revision(fd_engine *engine, fi_pair pair, uint32_t annotator,
                                  fd_preference before, fd_preference after);
bool fd_label_effects_knows_pair(fd_engine *engine, fi_pair pair, uint32_t annotator);

#endif
