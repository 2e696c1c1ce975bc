/* The columns of a model's features that come from the texts of items: their length and style. What
 * a reward says without them is its content. */
#ifndef FD_TEXT_COLUMNS_H
#define FD_TEXT_COLUMNS_H

#include <fisher/model.h>

/* What counts. */
typedef enum fd_style {
    FD_STYLE_INCLUDE, /* the whole reward */
    FD_STYLE_EXCLUDE, /* its content alone */
} fd_style;

extern const char *const fd_style_names[]; /* by style; NULL ends the list */

typedef struct fd_text_columns {
    size_t first; /* among all features */
    size_t count; /* 0: the model takes none */
} fd_text_columns;

fd_text_columns fd_text_columns_of(const fi_model *model);

/* Sets these columns of n rows of features [n x width] to 0. */
void fd_text_columns_zero(fd_text_columns text, size_t n, size_t width, float *features);

#endif
