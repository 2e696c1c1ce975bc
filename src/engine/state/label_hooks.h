/* What the labels need of the assignments, which follow them. engine.c sets the hooks before any
 * thread runs. Each is called on the thread of the request, the second and third after the commit;
 * at a shared store the writer calls the first three. */
#ifndef FD_LABEL_HOOKS_H
#define FD_LABEL_HOOKS_H

#include <stdbool.h>

#include "engine_options.h"
#include "store_rows.h"

typedef struct fd_label_hooks {
    /* A label was stored in the transaction that runs; at a shared store alone. */
    void (*on_store)(fd_engine *engine, const fd_label_row *row, uint32_t annotator);
    /* A label was sent; `is_new` unless it was stored before. */
    void (*on_label)(fd_engine *engine, const fd_label_row *row, uint32_t annotator, bool is_new);
    /* A label was corrected or retracted. */
    void (*on_revision)(fd_engine *engine, fi_pair pair, uint32_t annotator, fd_preference before,
                        fd_preference after);
    /* Whether the annotator has the pair now, or has a label of it. */
    bool (*knows_pair)(fd_engine *engine, fi_pair pair, uint32_t annotator);
} fd_label_hooks;

#endif
