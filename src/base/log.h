/* The log: one line for an event, as key=value, on standard error. */
#ifndef FD_LOG_H
#define FD_LOG_H

#include <stdint.h>

/*
 *     time=2026-05-01T09:30:12.345Z level=info event=trained model_version=3 seconds=0.71
 *
 * The log quotes and escapes strings with special characters, so that input cannot forge a line.
 * It writes a line with one write(2), so threads need no lock.
 */
typedef enum fd_log_level { FD_LOG_DEBUG, FD_LOG_INFO, FD_LOG_WARNING, FD_LOG_ERROR } fd_log_level;

typedef struct fd_log_field {
    const char *key;
    enum { FD_LOG_STRING, FD_LOG_INTEGER, FD_LOG_REAL } kind;
    union {
        const char *string;
        int64_t integer;
        double real;
    } value;
} fd_log_field;

#define FD_STR(name, text)                                                                         \
    (fd_log_field) {                                                                               \
        .key = (name), .kind = FD_LOG_STRING, .value.string = (text)                               \
    }
#define FD_INT(name, number)                                                                       \
    (fd_log_field) {                                                                               \
        .key = (name), .kind = FD_LOG_INTEGER, .value.integer = (int64_t)(number)                  \
    }
#define FD_REAL(name, number)                                                                      \
    (fd_log_field) {                                                                               \
        .key = (name), .kind = FD_LOG_REAL, .value.real = (double)(number)                         \
    }

/* Lines below the level are dropped. Any thread may change it at any time. */
void fd_log_set_level(fd_log_level level);

/* Parses "debug", "info", "warning" or "error"; -EINVAL for any other name. */
int fd_log_level_parse(const char *name, fd_log_level *ret);

/* `fields` ends with a field whose key is NULL. `event` is plain: letters and dashes. */
void fd_log_fields(fd_log_level level, const char *event, const fd_log_field *fields);

#define fd_log(level, event, ...)                                                                  \
    fd_log_fields(level, event, (const fd_log_field[]){__VA_ARGS__, {.key = NULL}})

#endif
