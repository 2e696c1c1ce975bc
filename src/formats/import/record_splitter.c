/* Cuts lines, elements of lists, and records of CSV. */
#include "record_splitter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "array.h"

void fd_record_splitter_open(fd_record_splitter *splitter, fd_record_kind kind, size_t most,
                             const fd_record_sink *sink) {
    *splitter =
        (fd_record_splitter){.kind = kind, .sink = *sink, .most = most, .line = 1, .begin = 1};
}

void fd_record_splitter_clear(fd_record_splitter *splitter) {
    free(splitter->bytes);
    splitter->bytes = NULL;
}

/* ---- a record ---- */

static int add(fd_record_splitter *splitter, const char *bytes, size_t size) {
    if (splitter->size == 0 && !splitter->is_long)
        splitter->begin = splitter->line;
    if (splitter->is_long || size > splitter->most - splitter->size) {
        splitter->is_long = true;
        splitter->size = 0;
        return 0;
    }
    int r = fd_array_reserve(&splitter->bytes, &splitter->room, splitter->size + size + 1, 1);
    if (r < 0)
        return r;
    memcpy(splitter->bytes + splitter->size, bytes, size);
    splitter->size += size;
    return 0;
}

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static bool is_blank(const fd_record_splitter *splitter) {
    for (size_t i = 0; i < splitter->size; i++)
        if (!is_space(splitter->bytes[i]))
            return false;
    return true;
}

/* Hands the record on, unless it is blank, and begins the next. */
static int finish(fd_record_splitter *splitter) {
    int r = 0;
    if (splitter->is_long) {
        char reason[64];
        (void)snprintf(reason, sizeof(reason), "is longer than %zu bytes", splitter->most);
        r = splitter->sink.refuse(splitter->sink.context, splitter->begin, reason);
    } else if (!is_blank(splitter)) {
        splitter->bytes[splitter->size] = '\0';
        r = splitter->sink.take(splitter->sink.context, splitter->bytes, splitter->size,
                                splitter->begin);
    }
    splitter->size = 0;
    splitter->depth = 0;
    splitter->is_long = splitter->is_quoted = splitter->is_escaped = splitter->is_in_field = false;
    return r;
}

/* ---- lines, and records of CSV ---- */

/* A quote begins a quoted part at the begin of a field, and after the quote that ended one: two
 * quotes are one of the text. Elsewhere it is a part of the text. */
static void follow_quotes(fd_record_splitter *splitter, char byte) {
    bool ends = splitter->is_quoted && byte == '"';
    if (ends)
        splitter->is_quoted = false;
    else if (byte == '"' && (splitter->is_escaped || !splitter->is_in_field))
        splitter->is_quoted = true;
    splitter->is_escaped = ends;
    splitter->is_in_field = splitter->is_quoted || ends || byte != splitter->separator;
}

/* The end of the line that `bytes` [size] begin in, or NULL if it is not among them. */
static const char *find_end(fd_record_splitter *splitter, const char *bytes, size_t size) {
    if (splitter->kind == FD_RECORDS_LINES)
        return memchr(bytes, '\n', size);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n' && !splitter->is_quoted)
            return bytes + i;
        follow_quotes(splitter, bytes[i]);
    }
    return NULL;
}

static size_t count_lines(const char *bytes, size_t size) {
    size_t n = 0;
    for (const char *at = bytes; (at = memchr(at, '\n', size - (size_t)(at - bytes))); at++)
        n++;
    return n;
}

static int feed_lines(fd_record_splitter *splitter, const char *bytes, size_t size) {
    int r = 0;
    while (r == 0 && size > 0) {
        const char *end = find_end(splitter, bytes, size);
        size_t length = end ? (size_t)(end - bytes) : size;
        r = add(splitter, bytes, length);
        splitter->line += splitter->kind == FD_RECORDS_TABLE ? count_lines(bytes, length) : 0;
        if (r < 0 || !end)
            return r;
        r = finish(splitter);
        splitter->line++;
        bytes = end + 1;
        size -= length + 1;
    }
    return r;
}

/* ---- elements of a list ---- */

static int complain(fd_record_splitter *splitter, const char *reason) {
    if (splitter->is_odd)
        return 0;
    splitter->is_odd = true;
    return splitter->sink.refuse(splitter->sink.context, splitter->line, reason);
}

/* Whether the list or object at `depth` goes on with this byte. */
static bool is_within(fd_record_splitter *splitter, char byte) {
    if (splitter->is_quoted) {
        if (splitter->is_escaped)
            splitter->is_escaped = false;
        else if (byte == '\\')
            splitter->is_escaped = true;
        else if (byte == '"')
            splitter->is_quoted = false;
        return true;
    }
    if (byte == '"')
        splitter->is_quoted = true;
    else if (byte == '{' || byte == '[')
        splitter->depth++;
    else if ((byte == '}' || byte == ']') && splitter->depth > 0)
        splitter->depth--;
    else if (splitter->depth == 0 && (byte == ',' || byte == ']'))
        return false;
    return true;
}

static int end_element(fd_record_splitter *splitter, char byte) {
    bool is_empty = !splitter->is_long && is_blank(splitter);
    int r = 0;
    if (is_empty && (byte == ',' || splitter->needs_element))
        r = complain(splitter, "an element of the list is missing");
    else
        r = finish(splitter);
    splitter->size = 0;
    splitter->needs_element = byte == ',';
    if (byte == ']')
        splitter->state = FD_LIST_AFTER;
    return r;
}

static int feed_element(fd_record_splitter *splitter, const char *bytes, size_t size,
                        size_t *ret_used) {
    size_t begin = 0, i;
    /* Blanks before an element do not belong to it, so that it begins on its own line. */
    if (splitter->size == 0 && !splitter->is_long && is_space(bytes[0])) {
        splitter->line += bytes[0] == '\n';
        *ret_used = 1;
        return 0;
    }
    for (i = 0; i < size && is_within(splitter, bytes[i]); i++)
        ;
    int r = add(splitter, bytes + begin, i);
    splitter->line += count_lines(bytes, i);
    *ret_used = i;
    if (r < 0 || i == size)
        return r;
    *ret_used = i + 1;
    return end_element(splitter, bytes[i]);
}

static int feed_list(fd_record_splitter *splitter, const char *bytes, size_t size) {
    int r = 0;
    while (r == 0 && size > 0) {
        size_t used = 1;
        if (splitter->state == FD_LIST_ELEMENT) {
            r = feed_element(splitter, bytes, size, &used);
        } else {
            splitter->line += bytes[0] == '\n';
            if (splitter->state == FD_LIST_BEFORE && bytes[0] == '[')
                splitter->state = FD_LIST_ELEMENT;
            else if (!is_space(bytes[0]))
                r = complain(splitter, "there is text after the end of the list");
        }
        bytes += used;
        size -= used;
    }
    return r;
}

/* ---- feeding ---- */

int fd_record_splitter_feed(fd_record_splitter *splitter, const char *bytes, size_t size) {
    return splitter->kind == FD_RECORDS_LIST ? feed_list(splitter, bytes, size)
                                             : feed_lines(splitter, bytes, size);
}

int fd_record_splitter_end(fd_record_splitter *splitter) {
    if (splitter->kind == FD_RECORDS_LIST)
        return splitter->state == FD_LIST_AFTER
                   ? 0
                   : splitter->sink.refuse(splitter->sink.context, splitter->line,
                                           "the list does not end: the file may be cut off");
    if (splitter->is_quoted)
        return splitter->sink.refuse(splitter->sink.context, splitter->begin,
                                     "a quoted field does not end");
    return splitter->size > 0 || splitter->is_long ? finish(splitter) : 0;
}
