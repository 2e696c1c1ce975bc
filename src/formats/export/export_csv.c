/* The format "csv": the columns of "preferences" as RFC 4180 writes them, with a line of names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "export_columns.h"
#include "export_writers.h"

static int put(const fd_export_sink *sink, const char *bytes, size_t size) {
    return sink->write(bytes, size, sink->context) == 0 ? 0 : -EIO;
}

/* In quotes where a comma, a quote or the end of a line would end it; quotes are doubled. */
static int put_text(const fd_export_sink *sink, const char *text) {
    if (text[0] != '\0' && !strpbrk(text, ",\"\r\n"))
        return put(sink, text, strlen(text));
    int r = put(sink, "\"", 1);
    for (const char *at = text; *at && r == 0;) {
        size_t size = strcspn(at, "\"");
        r = put(sink, at, size);
        at += size;
        if (r == 0 && *at == '"') {
            r = put(sink, "\"\"", 2);
            at++;
        }
    }
    return r < 0 ? r : put(sink, "\"", 1);
}

/* null is empty, and a text that is empty is "". */
static int put_value(const fd_export_sink *sink, const json_t *value) {
    char number[40] = "";
    if (json_is_string(value))
        return put_text(sink, json_string_value(value));
    if (json_is_integer(value))
        (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(number, sizeof(number), "%.17g", json_real_value(value));
    else if (json_is_boolean(value))
        (void)snprintf(number, sizeof(number), "%s", json_is_true(value) ? "true" : "false");
    return put(sink, number, strlen(number));
}

static int put_name(const fd_export_sink *sink, const char *name, const json_t *value) {
    (void)value;
    return put_text(sink, name);
}

static int put_column(const fd_export_sink *sink, const char *name, const json_t *value) {
    (void)name;
    return put_value(sink, value);
}

/* A line with what `cell` puts for each column. */
static int put_line(const fd_export_settings *settings, const fd_labelled_pair *pair,
                    const fd_export_sink *sink,
                    int (*cell)(const fd_export_sink *sink, const char *name,
                                const json_t *value)) {
    json_t *row = fd_export_columns(settings, pair), *value;
    const char *name;
    int r = row ? 0 : -EIO;
    bool is_first = true;
    json_object_foreach(row, name, value) {
        if (r == 0 && !is_first)
            r = put(sink, ",", 1);
        if (r == 0)
            r = cell(sink, name, value);
        is_first = false;
    }
    json_decref(row);
    return r < 0 ? r : put(sink, "\r\n", 2);
}

int fd_export_csv_head(const fd_export_settings *settings, const fd_export_sink *sink) {
    const fd_labelled_pair none = {0};
    return put_line(settings, &none, sink, put_name);
}

int fd_export_csv(const fd_export_settings *settings, const fd_labelled_pair *pair,
                  const fd_export_sink *sink) {
    return put_line(settings, pair, sink, put_column);
}
