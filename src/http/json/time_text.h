/* Reads times as RFC 3339 writes them. */
#ifndef FD_TIME_TEXT_H
#define FD_TIME_TEXT_H

#include <stdint.h>

#include "macros.h"

/* Reads "2026-05-01T06:07:54.872Z", or the same with an offset such as +02:00 and with up to nine
 * digits of a second, as milliseconds since 1970. -EINVAL for anything else. */
int fd_time_parse(const char *text, int64_t *ret_ms) FD_MUST_CHECK;

#endif
