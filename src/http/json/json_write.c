/* Writes values and responses in JSON. */
#include "json_write.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

#include "problem.h"

json_t *fd_json_real(double number) {
    return isfinite(number) ? json_real(number) : json_null();
}

json_t *fd_json_time(int64_t milliseconds) {
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

json_t *fd_json_page(const char *name, json_t *rows, bool more, int64_t cursor) {
    json_t *next = more ? json_sprintf("%lld", (long long)cursor) : json_null();
    return json_pack("{s:o, s:o}", name, rows, "next_cursor", next);
}

void fd_json_respond(fd_response *response, unsigned status, json_t *tree) {
    char *body = tree ? json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(tree);
    if (!body) {
        fd_problem_of(response, -ENOMEM, NULL);
        return;
    }
    response->status = status;
    response->body = body;
    response->size = strlen(body);
}
