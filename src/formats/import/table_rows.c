/* Cuts records of CSV into fields. */
#include "table_rows.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "text_rules.h"

enum { COLUMNS_MAX = 1000 };

void fd_table_clear(fd_table *table) {
    for (size_t i = 0; i < table->n; i++)
        free(table->names[i]);
    free(table->names);
    *table = (fd_table){.separator = table->separator};
}

/* ---- a field ---- */

typedef struct field {
    char *text; /* within the record */
    size_t size;
    bool is_quoted;
} field;

/* Takes the quotes away. *at moves behind the field and its separator, or becomes NULL at the end.
 */
static int next_field(char **at, char *end, char separator, field *ret, fd_fault *fault) {
    char *from = *at, *to = *at;
    bool in_quotes = from < end && *from == '"';
    *ret = (field){.text = *at, .is_quoted = in_quotes};
    from += in_quotes;
    while (from < end && (in_quotes || *from != separator)) {
        if (!ret->is_quoted || *from != '"') {
            *to++ = *from++;
        } else if (in_quotes && from + 1 < end && from[1] == '"') {
            *to++ = '"';
            from += 2;
        } else if (in_quotes) {
            in_quotes = false;
            from++;
        } else {
            return fd_fault_set(fault, -EINVAL, "", "there is text after a quoted field");
        }
        if (ret->is_quoted && !in_quotes && from < end && *from != separator)
            return fd_fault_set(fault, -EINVAL, "", "there is text after a quoted field");
    }
    ret->size = (size_t)(to - ret->text);
    *at = from < end ? from + 1 : NULL;
    return 0;
}

/* Without the end of a line of DOS. */
static char *end_of(char *bytes, size_t size) {
    return bytes + size - (size > 0 && bytes[size - 1] == '\r');
}

/* ---- the names ---- */

static int add_name(fd_table *table, const field *given, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    if (fd_id_rule(given->text, given->size, why) < 0)
        return fd_fault_set(fault, -EBADMSG, "", "the name of column %zu %s", table->n + 1, why);
    for (size_t i = 0; i < table->n; i++)
        if (strlen(table->names[i]) == given->size &&
            memcmp(table->names[i], given->text, given->size) == 0)
            return fd_fault_set(fault, -EBADMSG, "", "two columns have the name \"%.80s\"",
                                table->names[i]);
    if (table->n == COLUMNS_MAX)
        return fd_fault_set(fault, -EBADMSG, "", "there are more than %d columns", COLUMNS_MAX);
    int r = fd_array_reserve(&table->names, &table->room, table->n + 1, sizeof(*table->names));
    if (r < 0)
        return r;
    table->names[table->n] = strndup(given->text, given->size);
    if (!table->names[table->n])
        return -ENOMEM;
    table->n++;
    return 0;
}

static int take_names(fd_table *table, char *bytes, size_t size, fd_fault *fault) {
    char *at = bytes, *end = end_of(bytes, size);
    field given;
    int r = 0;
    table->has_names = true;
    while (r == 0 && at) {
        r = next_field(&at, end, table->separator, &given, fault);
        if (r == 0)
            r = add_name(table, &given, fault);
    }
    return r == -EINVAL ? -EBADMSG : r;
}

/* ---- a record ---- */

static int add_field(const fd_table *table, size_t column, const field *given, json_t *row,
                     fd_fault *fault) {
    if (given->size == 0 && !given->is_quoted)
        return 0;
    char why[FD_RULE_SIZE];
    if (fd_text_rule(given->text, given->size, why) < 0)
        return fd_fault_set(fault, -EINVAL, "", "the column \"%.80s\" %s", table->names[column],
                            why);
    json_t *text = json_stringn_nocheck(given->text, given->size);
    return json_object_set_new_nocheck(row, table->names[column], text) < 0 ? -ENOMEM : 0;
}

int fd_table_take(fd_table *table, char *bytes, size_t size, json_t **ret, fd_fault *fault) {
    *ret = NULL;
    if (!table->has_names)
        return take_names(table, bytes, size, fault);
    json_t *row = *ret = json_object();
    char *at = bytes, *end = end_of(bytes, size);
    size_t n = 0;
    int r = row ? 0 : -ENOMEM;
    while (r == 0 && at) {
        field given;
        r = next_field(&at, end, table->separator, &given, fault);
        if (r == 0 && n < table->n)
            r = add_field(table, n, &given, row, fault);
        n++;
    }
    if (r == 0 && n != table->n)
        return fd_fault_set(fault, -EINVAL, "", "it has %zu fields; the line of names has %zu", n,
                            table->n);
    return r;
}
