/* Finds the columns of the text in a model, which are the first of its extras. */
#include "text_columns.h"

#include <string.h>

#include "item_extras.h"

const char *const fd_style_names[] = {
    [FD_STYLE_INCLUDE] = "include",
    [FD_STYLE_EXCLUDE] = "exclude",
    NULL,
};

fd_text_columns fd_text_columns_of(const fi_model *model) {
    size_t extras = fi_model_shape(model)->extras;
    const uint32_t *ids = fi_model_extra_ids(model);
    fd_text_columns text = {.first = fi_model_feature_count(model) - extras};
    while (text.count < extras && ids[text.count] < FD_TEXT_FEATURES)
        text.count++;
    return text;
}

void fd_text_columns_zero(fd_text_columns text, size_t n, size_t width, float *features) {
    for (size_t i = 0; text.count > 0 && i < n; i++)
        memset(features + i * width + text.first, 0, text.count * sizeof(*features));
}
