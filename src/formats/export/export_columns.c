/* Makes the columns of a label. */
#include "export_columns.h"

#include <math.h>
#include <string.h>

#include "export_writers.h"

/* The text of b where it is another than that of a. */
static const char *other_text(const char *of_a, const char *of_b) {
    return of_a && of_b && strcmp(of_a, of_b) == 0 ? NULL : of_b;
}

static json_t *text(const char *value) {
    return value ? json_string(value) : json_null();
}

static json_t *real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *count(int64_t value) {
    return value >= 0 ? json_integer(value) : json_null();
}

#define IS_CONTENT_TEXT false
#define IS_CONTENT_COUNT false
#define IS_CONTENT_REAL false
#define IS_CONTENT_TIME false
#define IS_CONTENT_FLAG false
#define IS_CONTENT_CONTENT true
#define AS_TEXT(value) text(value)
#define AS_COUNT(value) count(value)
#define AS_REAL(value) real(value)
#define AS_TIME(value) fd_export_time(value)
#define AS_FLAG(value) json_boolean(value)
#define AS_CONTENT(value) text(value)

json_t *fd_export_columns(const fd_export_settings *settings, const fd_labelled_pair *pair) {
    const fd_label_row *label = &pair->label;
    const fd_item_row *a = &pair->a, *b = &pair->b;
    const fd_assignment_row *given = &pair->assignment;
    json_t *row = json_object();
    bool is_whole = row != NULL;
#define COLUMN(name, kind, expression)                                                             \
    if (settings->texts || !IS_CONTENT_##kind)                                                     \
        is_whole &= json_object_set_new(row, #name, AS_##kind(expression)) == 0;
#include "export_columns.def"
#undef COLUMN
    if (is_whole)
        return row;
    json_decref(row);
    return NULL;
}
