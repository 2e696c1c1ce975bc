/* What all formats of JSON lines share. */
#include <errno.h>
#include <time.h>

#include "export_writers.h"

/* jansson goes on when the name of a member could not be written. */
struct line {
    const fd_export_sink *sink;
    bool has_failed;
};

static int put(const char *bytes, size_t size, void *context) {
    struct line *line = context;
    line->has_failed = line->has_failed || line->sink->write(bytes, size, line->sink->context) != 0;
    return line->has_failed ? -1 : 0;
}

int fd_export_line(const fd_export_sink *sink, json_t *value) {
    struct line line = {.sink = sink};
    enum { FLAGS = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17) };
    bool is_whole =
        value && json_dump_callback(value, put, &line, FLAGS) == 0 && put("\n", 1, &line) == 0;
    json_decref(value);
    return is_whole ? 0 : -EIO;
}

json_t *fd_export_time(int64_t milliseconds) {
    char day[48];
    time_t seconds = (time_t)(milliseconds / 1000);
    struct tm parts;
    if (milliseconds < 0 || !gmtime_r(&seconds, &parts))
        return json_null();
    (void)strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
    return json_sprintf("%s.%03dZ", day, (int)(milliseconds % 1000));
}
