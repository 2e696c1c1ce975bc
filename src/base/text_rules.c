/* Checks ids, names, texts, metadata and scores against the rules. */
#include "text_rules.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

static int check_length(size_t length, size_t most, char why[static FD_RULE_SIZE]) {
    if (length <= most)
        return 0;
    (void)snprintf(why, FD_RULE_SIZE, "has %zu bytes; at most %zu are allowed", length, most);
    return -EINVAL;
}

static int refuse(char why[static FD_RULE_SIZE], const char *reason) {
    (void)snprintf(why, FD_RULE_SIZE, "%s", reason);
    return -EINVAL;
}

int fd_reference_rule(size_t length, char why[static FD_RULE_SIZE]) {
    return length == 0 ? refuse(why, "must not be empty") : check_length(length, FD_ID_MAX, why);
}

int fd_id_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]) {
    int r = fd_reference_rule(length, why);
    if (r < 0)
        return r;
    for (const char *at = text; at < text + length; at += fd_utf8_length(at)) {
        if (fd_utf8_length(at) == 0)
            return refuse(why, "must be UTF-8");
        if (fd_utf8_is_control(at))
            return refuse(why, "must not hold control characters, marks of direction or separators "
                               "of lines");
    }
    return 0;
}

int fd_score_name_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]) {
    int r = fd_id_rule(text, length, why);
    return r < 0 ? r : check_length(length, FD_SCORE_NAME_MAX, why);
}

int fd_score_value_rule(double value, char why[static FD_RULE_SIZE]) {
    if (fabs(value) <= FD_SCORE_VALUE_MAX)
        return 0;
    (void)snprintf(why, FD_RULE_SIZE, "must be a number from %g to %g", -FD_SCORE_VALUE_MAX,
                   FD_SCORE_VALUE_MAX);
    return -EINVAL;
}

int fd_text_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]) {
    int r = check_length(length, FD_TEXT_MAX, why);
    for (const char *at = text; r == 0 && at < text + length; at += fd_utf8_length(at))
        if (fd_utf8_length(at) == 0 || *at == '\0')
            r = refuse(why, "must be UTF-8 without U+0000");
    return r;
}

int fd_metadata_rule(const char *json, size_t length, char why[static FD_RULE_SIZE]) {
    int r = check_length(length, FD_METADATA_MAX, why);
    if (r == 0)
        r = fd_text_rule(json, length, why);
    if (r < 0)
        return r;
    int depth = 0;
    bool in_string = false;
    for (const char *at = json; at < json + length; at++) {
        if (in_string && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '"')
            in_string = !in_string;
        else if (!in_string && (*at == '{' || *at == '['))
            depth++;
        else if (!in_string && (*at == '}' || *at == ']'))
            depth--;
        if (depth > FD_METADATA_DEPTH_MAX)
            return refuse(why, "nests deeper than a request may");
    }
    return json[0] == '{' ? 0 : refuse(why, "must be an object");
}
