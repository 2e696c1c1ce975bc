/* Reads times as RFC 3339 writes them: digit by digit, so that nothing else is taken. */
#include "time_text.h"

#include <errno.h>
#include <stdbool.h>
#include <time.h>

/* Reads exactly `n` digits and what follows them; '\0' for nothing. */
static bool read_number(const char **at, int n, char then, int low, int high, int *ret) {
    *ret = 0;
    for (int i = 0; i < n; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *ret = *ret * 10 + (**at - '0');
    }
    if (*ret < low || *ret > high)
        return false;
    return then == '\0' || *(*at)++ == then;
}

/* Milliseconds; further digits are dropped. */
static bool read_fraction(const char **at, int *ret) {
    int digits = 0;
    *ret = 0;
    if (**at != '.')
        return true;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, digits++)
        if (digits < 3)
            *ret = *ret * 10 + (**at - '0');
    for (int i = digits; i < 3; i++)
        *ret *= 10;
    return digits >= 1 && digits <= 9;
}

static bool read_offset(const char **at, int *ret_minutes) {
    int hours, minutes;
    char sign = *(*at)++;
    *ret_minutes = 0;
    if (sign == 'Z')
        return true;
    if ((sign != '+' && sign != '-') || !read_number(at, 2, ':', 0, 23, &hours) ||
        !read_number(at, 2, '\0', 0, 59, &minutes))
        return false;
    *ret_minutes = (hours * 60 + minutes) * (sign == '+' ? 1 : -1);
    return true;
}

int fd_time_parse(const char *text, int64_t *ret_ms) {
    struct tm parts = {0};
    int milliseconds, offset;
    const char *at = text;
    if (!read_number(&at, 4, '-', 1970, 9999, &parts.tm_year) ||
        !read_number(&at, 2, '-', 1, 12, &parts.tm_mon) ||
        !read_number(&at, 2, 'T', 1, 31, &parts.tm_mday) ||
        !read_number(&at, 2, ':', 0, 23, &parts.tm_hour) ||
        !read_number(&at, 2, ':', 0, 59, &parts.tm_min) ||
        !read_number(&at, 2, '\0', 0, 59, &parts.tm_sec) || !read_fraction(&at, &milliseconds) ||
        !read_offset(&at, &offset) || *at != '\0')
        return -EINVAL;
    int day = parts.tm_mday;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    int64_t seconds = (int64_t)timegm(&parts); /* turns 31 February into a day of March */
    if (parts.tm_mday != day)
        return -EINVAL;
    *ret_ms = (seconds - (int64_t)offset * 60) * 1000 + milliseconds;
    return 0;
}
