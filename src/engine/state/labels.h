/* Labels: add, correct, retract and read. */
#ifndef FD_LABELS_H
#define FD_LABELS_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "store_rows.h"

typedef struct fd_label {
    const char *id;
    const char *a; /* item ids */
    const char *b;
    fd_preference preference;
    const char *annotator;
    const char *assignment; /* NULL if none */
    int64_t duration_ms;    /* -1 if not given */
    const char *comment;    /* NULL if none */
    int64_t created_ms;     /* when it was answered; 0 or -1: now */
} fd_label;

/* Adds all labels or none. Returns 0 only after they are on disk. -EINVAL with a fault for items
 * that do not exist or are the same, -EEXIST for an id that is taken by other content. */
int fd_engine_labels_add(fd_engine *engine, const fd_label *labels, size_t n, fd_added *ret,
                         fd_fault *fault) FD_MUST_CHECK;

/* The same for labels of one annotator, which may label only pairs that were assigned to it: each
 * label names its assignment, or the annotator has the pair now or has labelled it; -EINVAL
 * otherwise. After a failure ret->is_foreign says that it is about an item that does not exist, a
 * pair that was not assigned, or a label of another annotator: this one should not hear which.
 * `conflict` is then the place of the first such label. */
int fd_engine_labels_add_assigned(fd_engine *engine, const fd_label *labels, size_t n,
                                  const char *annotator, fd_added *ret,
                                  fd_fault *fault) FD_MUST_CHECK;

/* Corrects a label, or retracts it (FD_PREFER_RETRACTED), by adding a revision; nothing happens if
 * the newest revision says the same. duration_ms -1 and comment NULL keep the old values. -ENOENT
 * if no label has the id, or it is not a label of `annotator` (NULL: of anyone). */
int fd_engine_label_revise(fd_engine *engine, const char *id, const char *annotator,
                           fd_preference preference, int64_t duration_ms, const char *comment,
                           uint32_t *ret_revision) FD_MUST_CHECK;

/* One row of the history with the ids of its items; valid inside the visit. */
typedef struct fd_label_view {
    const fd_label_row *row;
    const char *a;
    const char *b;
} fd_label_view;

typedef int fd_label_view_visit(void *context, const fd_label_view *label);

/* Reads the history in its order, after sequence number `after`, at most `limit` rows. */
int fd_engine_labels_read(fd_engine *engine, int64_t after, size_t limit,
                          fd_label_view_visit *visit, void *context) FD_MUST_CHECK;

#endif
