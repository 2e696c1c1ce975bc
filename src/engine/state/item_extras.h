/*
 * The extras of items (fisher/extras.h) as the engine has them: the features of their texts, then
 * their prior scores.
 *
 * A column's id says what it is: the number of a text feature, or FD_EXTRA_SCORES plus the number
 * of the score's name. A model keeps the ids that it was made with, and numbers never change, so an
 * old model finds its columns again.
 */
#ifndef FD_ITEM_EXTRAS_H
#define FD_ITEM_EXTRAS_H

#include <fisher/extras.h>
#include <fisher/last_layer.h>
#include <string.h>

#include "growing_matrix.h"
#include "macros.h"
#include "project_settings.h"
#include "score_table.h"
#include "text_features.h"

enum { FD_EXTRA_SCORES = 100 };

_Static_assert((int)FD_TEXT_FEATURES + (int)FD_SCORE_NAMES_MAX <= (int)FI_EXTRAS_MAX,
               "a model takes all extras");

/* What is known of the items from `first` on, in the columns of one model. */
typedef struct fd_item_extras {
    size_t first;
    size_t n_items;              /* from `first` on */
    uint32_t count;              /* columns */
    uint32_t ids[FI_EXTRAS_MAX]; /* [count] */
    float *raw;                  /* [n_items x count]; NaN: missing */
    bool *empty;                 /* [n_items] the response has no character */
    fd_growing_matrix *groups;   /* of all items: their prompts */
} fd_item_extras;

void fd_item_extras_clear(fd_item_extras *extras);

/* Prompts are kept as a matrix of one column, because rows are appended while others read. */
static inline const uint32_t *fd_item_groups(const fd_growing_matrix *groups, size_t first) {
    return (const uint32_t *)(const void *)groups->data + first;
}

static inline void fd_item_group_set(fd_growing_matrix *groups, size_t item, uint32_t prompt) {
    memcpy(groups->data + item, &prompt, sizeof(prompt));
}

/*
 * The columns that a model which is made now takes: those of the text if the option is on and
 * nearly all of the first n items have texts (*ret_share is how many), and each score that an item
 * has. Returns their number.
 */
uint32_t fd_extra_columns(bool text_features, const fd_growing_matrix *texts,
                          const fd_score_table *scores, size_t n_items,
                          uint32_t ids[static FI_EXTRAS_MAX], double *ret_share);

/* Makes room for the extras of n items from `first` on, in these columns. -ENOMEM; clear it in any
 * case. */
int fd_item_extras_init(fd_item_extras *extras, const uint32_t *ids, uint32_t count, size_t first,
                        size_t n, fd_growing_matrix *groups) FD_MUST_CHECK;

/* Copies the raw extras of items `from` to `end` of the whole table; whoever may see the tables
 * change holds the state lock. */
void fd_item_extras_copy(fd_item_extras *extras, const fd_growing_matrix *texts,
                         const fd_score_table *scores, size_t from, size_t end);

/* Sets one of them, if there is a column for it. */
void fd_item_extras_set(fd_item_extras *extras, uint32_t id, size_t item, double value);

/* The same as libfisher takes them. */
fi_extras fd_item_extras_view(const fd_item_extras *extras);

/* The blocks of the columns, counted from the first extra (fisher/learn.h): the length, the other
 * features of the text, and each score. Returns their number. */
size_t fd_extra_blocks(const uint32_t *ids, uint32_t count, const fd_score_names *names,
                       const fd_project_settings *settings, fi_block *blocks);

/* What a block of a model's last layer is: "embedding", "log_length", "style" or "score".
 * *ret_score is the number of the score's name; UINT32_MAX if it is not a score's. */
const char *fd_block_name(const fi_model *model, const fi_block *block, uint32_t *ret_score);

#endif
