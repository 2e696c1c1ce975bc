/* Reads texts, numbers and times of a row, as the formats write them. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "row_draft.h"
#include "time_text.h"

int fd_row_text(fd_row_draft *draft, const json_t *object, const char *name, bool is_needed,
                const char **ret) {
    const json_t *value = json_object_get(object, name);
    *ret = json_string_value(value);
    if (*ret)
        return is_needed && **ret == '\0' ? fd_row_refuse(draft, name, "is empty") : 0;
    if (value && !json_is_null(value))
        return fd_row_refuse(draft, name, "must be a text");
    return is_needed ? fd_row_refuse(draft, name, "is required") : 0;
}

int fd_row_number(fd_row_draft *draft, const json_t *object, const char *name, double *ret) {
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    char *end = NULL;
    *ret = NAN;
    if (!value || json_is_null(value))
        return 0;
    if (json_is_number(value))
        *ret = json_number_value(value);
    else if (text && text[strspn(text, "+-.0123456789eE")] == '\0')
        *ret = strtod(text, &end);
    if (!isfinite(*ret) || (end && (end == text || *end != '\0')))
        return fd_row_refuse(draft, name, "must be a number");
    return 0;
}

/* Seconds since 1970, or milliseconds where it would be a time after the year 5000. */
static int64_t time_of_number(double number) {
    static const double milliseconds_from = 1e11, last = 253402300799.0;
    double seconds = number >= milliseconds_from ? number / 1000 : number;
    return seconds >= 0 && seconds <= last ? (int64_t)llround(seconds * 1000) : -1;
}

/* With a T for a blank, and a Z where there is no offset. */
static int parse_time(const char *text, int64_t *ret_ms) {
    enum { DAY = 10, OFFSET = 6, LONGEST = 40 };
    char copy[LONGEST + 2];
    size_t length = strlen(text);
    if (length > LONGEST || length < DAY + OFFSET)
        return -EINVAL;
    memcpy(copy, text, length + 1);
    if (copy[DAY] == ' ')
        copy[DAY] = 'T';
    if (copy[length - 1] != 'Z' && !strpbrk(copy + length - OFFSET, "+-"))
        memcpy(copy + length, "Z", 2);
    return fd_time_parse(copy, ret_ms);
}

int fd_row_time(fd_row_draft *draft, const json_t *object, const char *name, int64_t *ret_ms) {
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    double number = NAN;
    *ret_ms = -1;
    if (!value || json_is_null(value) || (text && parse_time(text, ret_ms) == 0))
        return 0;
    int r = fd_row_number(draft, object, name, &number);
    if (r == 0)
        *ret_ms = time_of_number(number);
    if (r < 0 || *ret_ms < 0)
        return fd_row_refuse(draft, name, "must be a time such as 2026-05-01T06:07:54Z");
    return 0;
}
