/* Formats a log line and writes it to standard error. */
#include "log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "macros.h"
#include "utf8.h"

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static _Atomic fd_log_level lowest_level = FD_LOG_INFO;

void fd_log_set_level(fd_log_level level) {
    lowest_level = level;
}

int fd_log_level_parse(const char *name, fd_log_level *ret) {
    for (size_t i = 0; i < FD_LENGTH(level_names); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret = (fd_log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

static bool is_plain(const char *text) {
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

/* Escapes control characters byte by byte, and keeps all other characters. */
static void print_quoted(FILE *line, const char *text) {
    (void)fputc('"', line);
    while (*text) {
        size_t length = fd_utf8_length(text);
        const char *end = text + (length > 0 ? length : 1);
        const char *format = fd_utf8_is_control(text) ? "\\x%02x" : "%c";
        if (*text == '"' || *text == '\\')
            (void)fputc('\\', line);
        for (; text < end; text++)
            (void)fprintf(line, format, (uint8_t)*text);
    }
    (void)fputc('"', line);
}

static void print_time(FILE *line) {
    struct timespec now;
    struct tm utc;
    char text[32];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    (void)fprintf(line, "time=%s.%03ldZ", text, now.tv_nsec / 1000000);
}

void fd_log_fields(fd_log_level level, const char *event, const fd_log_field *fields) {
    if (level < lowest_level)
        return;

    char *text = NULL;
    size_t length = 0;
    FILE *line = open_memstream(&text, &length);
    if (!line)
        return;

    print_time(line);
    (void)fprintf(line, " level=%s event=%s", level_names[level], event);
    for (; fields->key; fields++) {
        (void)fprintf(line, " %s=", fields->key);
        switch (fields->kind) {
        case FD_LOG_INTEGER:
            (void)fprintf(line, "%lld", (long long)fields->value.integer);
            break;
        case FD_LOG_REAL:
            (void)fprintf(line, "%.6g", fields->value.real);
            break;
        case FD_LOG_STRING:
            if (is_plain(fields->value.string))
                (void)fputs(fields->value.string, line);
            else
                print_quoted(line, fields->value.string);
            break;
        }
    }
    (void)fputc('\n', line);

    if (fclose(line) == 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        (void)written; /* a failure has nowhere to be reported */
    }
    free(text);
}
