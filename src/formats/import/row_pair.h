/* Two responses to one prompt and what somebody said about them: what most formats have. */
#ifndef FD_ROW_PAIR_H
#define FD_ROW_PAIR_H

#include "row_draft.h"

typedef struct fd_pair_source {
    fd_item_source a;
    fd_item_source b;
    fd_imported_label label; /* a and b are set from the items */
} fd_pair_source;

/* A label about which nothing is known but that it is. */
#define FD_LABEL_UNKNOWN                                                                           \
    { .duration_ms = -1, .created_ms = -1 }

/* Adds both items and the label. */
int fd_row_add_pair(fd_row_draft *draft, const fd_pair_source *pair) FD_MUST_CHECK;

/* A preference in the words of the field, such as "model_a", "left", "tie (bothbad)"; that both are
 * bad, or good, is a tie. */
int fd_row_preference(fd_row_draft *draft, const char *name, const char *word,
                      fd_preference *ret) FD_MUST_CHECK;

/* a if the number is below `middle`, b if it is above, else a tie. */
fd_preference fd_preference_of(double number, double middle);

/* {"model": name}, which the draft owns; NULL for a name that is not known. */
int fd_row_model(fd_row_draft *draft, const char *model, const json_t **ret) FD_MUST_CHECK;

/* {name: value}, which the draft owns; NULL for NaN. */
int fd_row_score(fd_row_draft *draft, const char *name, double value,
                 const json_t **ret) FD_MUST_CHECK;

/* Two conversations as lists of turns: what they have in common, up to a turn of the assistant in
 * both, is the prompt, and the rest of each its response. Sets the texts of both items. */
int fd_row_conversations(fd_row_draft *draft, const json_t *a, const json_t *b,
                         fd_pair_source *pair) FD_MUST_CHECK;

#endif
