/* Writes values and responses in JSON. */
#include "json_write.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json_memory.h"
#include "problem.h"

json_t *fd_json_real(double number) {
    return isfinite(number) ? json_real(number) : json_null();
}

/* The last millisecond of the year 9999. */
static const int64_t time_max = INT64_C(253402300799999);

json_t *fd_json_time(int64_t milliseconds) {
    if (milliseconds > time_max) /* a year of RFC 3339 has four digits */
        milliseconds = time_max;
    int64_t seconds = milliseconds / 1000;
    int64_t rest = milliseconds % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    time_t time = (time_t)seconds;
    struct tm parts;
    if (!gmtime_r(&time, &parts))
        return json_null();
    char day[48];
    (void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
    return json_sprintf("%s.%03dZ", day, (int)rest);
}

/* ---- text ---- */

int fd_json_text_append(const char *data, size_t size, void *context) {
    fd_json_text *text = context;
    if (size > text->room - text->size) {
        size_t room = text->room + text->room / 2 + size + 256;
        char *grown = fd_json_memory_take(room - text->room) ? realloc(text->bytes, room) : NULL;
        if (!grown) {
            text->has_failed = true;
            return -1;
        }
        text->bytes = grown;
        text->room = room;
    }
    memcpy(text->bytes + text->size, data, size);
    text->size += size;
    return 0;
}

void fd_json_text_clear(fd_json_text *text) {
    free(text->bytes);
    *text = (fd_json_text){0};
}

void fd_json_text_add(fd_json_text *text, const char *literal) {
    (void)fd_json_text_append(literal, strlen(literal), text);
}

int fd_json_text_add_value(fd_json_text *text, json_t *value) {
    enum { FLAGS = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17) };
    if (!value || json_dump_callback(value, fd_json_text_append, text, FLAGS) < 0)
        text->has_failed = true;
    json_decref(value);
    return text->has_failed ? -ENOMEM : 0;
}

int fd_json_text_add_row(fd_json_text *text, json_t *row) {
    if (text->rows++ > 0)
        fd_json_text_add(text, ",");
    return fd_json_text_add_value(text, row);
}

/* ---- responses ---- */

void fd_json_text_respond(fd_response *response, unsigned status, fd_json_text *text) {
    (void)fd_json_text_append("", 1, text); /* a NUL after it */
    if (text->has_failed) {
        fd_json_text_clear(text);
        fd_problem_of(response, -ENOMEM, NULL);
        return;
    }
    response->status = status;
    response->body = text->bytes;
    response->size = text->size - 1;
    *text = (fd_json_text){0};
}

void fd_json_respond(fd_response *response, unsigned status, json_t *tree) {
    fd_json_text text = {0};
    (void)fd_json_text_add_value(&text, tree);
    fd_json_text_respond(response, status, &text);
}

void fd_json_respond_page(fd_response *response, fd_json_text *text, bool more, int64_t cursor) {
    json_t *next = more ? json_sprintf("%lld", (long long)cursor) : json_null();
    fd_json_text_add(text, "],\"next_cursor\":");
    (void)fd_json_text_add_value(text, next);
    fd_json_text_add(text, "}");
    fd_json_text_respond(response, 200, text);
}
