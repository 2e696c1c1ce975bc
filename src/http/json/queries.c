/* Reads the parameters of a query, by a table. Faults name the parameter. */
#include "queries.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json_path.h"
#include "problem.h"
#include "time_text.h"

enum { NAME_SHOWN_MAX = 80 }; /* bytes of a parameter's name that a fault repeats */

static int parameter_fault(fd_fault *fault, const char *name, const char *detail) {
    return fd_fault_set(fault, -EINVAL, "", "query parameter \"%.*s\" %s",
                        (int)fd_json_whole_characters(name, NAME_SHOWN_MAX), name, detail);
}

static_assert(FD_QUERY_MAX == 10, "the text of a fault");

int fd_query_add(fd_query *query, const char *name, const char *value, fd_fault *fault) {
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->parameters[i].name, name) == 0)
            return parameter_fault(fault, name, "is given twice");
    if (query->count == FD_QUERY_MAX)
        return parameter_fault(fault, name, "is one too many; at most 10 are allowed");
    query->parameters[query->count].name = name;
    query->parameters[query->count].value = value;
    query->count++;
    return 0;
}

/* Digits alone: without a sign or blanks. */
static bool parse_digits(const char *text, int64_t *ret) {
    *ret = 0;
    for (const char *c = text; *c; c++)
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(*ret, 10, ret) ||
            __builtin_add_overflow(*ret, *c - '0', ret))
            return false;
    return *text != '\0';
}

static int read_integer(const fd_parameter *parameter, const char *value, int64_t *ret,
                        fd_fault *fault) {
    char detail[96];
    int64_t number;
    if (parse_digits(value, &number) && number >= parameter->min && number <= parameter->max) {
        *ret = number;
        return 0;
    }
    (void)snprintf(detail, sizeof(detail), "must be an integer from %lld to %lld",
                   (long long)parameter->min, (long long)parameter->max);
    return parameter_fault(fault, parameter->name, detail);
}

static int read_time(const fd_parameter *parameter, const char *value, int64_t *ret,
                     fd_fault *fault) {
    char detail[128];
    int64_t time;
    if ((parse_digits(value, &time) || fd_time_parse(value, &time) == 0) &&
        time >= parameter->min && time <= parameter->max) {
        *ret = time;
        return 0;
    }
    (void)snprintf(detail, sizeof(detail),
                   "must be a time such as 2026-05-01T06:07:54Z, or milliseconds from %lld to %lld",
                   (long long)parameter->min, (long long)parameter->max);
    return parameter_fault(fault, parameter->name, detail);
}

static int read_boolean(const char *name, const char *value, bool *ret, fd_fault *fault) {
    *ret = strcmp(value, "true") == 0;
    if (*ret || strcmp(value, "false") == 0)
        return 0;
    return parameter_fault(fault, name, "must be true or false");
}

/* Writes the value to the parameter's member of the struct. */
static int read_value(const fd_parameter *parameter, const char *value, void *structure,
                      fd_fault *fault) {
    void *ret = (char *)structure + parameter->offset;
    switch (parameter->kind) {
    case FD_PARAMETER_INTEGER:
        return read_integer(parameter, value, ret, fault);
    case FD_PARAMETER_TIME:
        return read_time(parameter, value, ret, fault);
    case FD_PARAMETER_BOOLEAN:
        return read_boolean(parameter->name, value, ret, fault);
    case FD_PARAMETER_TEXT:
        break;
    }
    *(const char **)ret = value;
    return 0;
}

static const fd_parameter *find(const char *name, const fd_parameter *parameters, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(parameters[i].name, name) == 0)
            return &parameters[i];
    return NULL;
}

bool fd_query_accept(const fd_query *query, const fd_parameter *parameters, size_t n, void *ret,
                     fd_response *response) {
    fd_fault fault = {0};
    int r = 0;
    for (size_t i = 0; i < query->count && r == 0; i++) {
        const char *name = query->parameters[i].name;
        const fd_parameter *known = find(name, parameters, n);
        r = known ? read_value(known, query->parameters[i].value, ret, &fault)
                  : parameter_fault(&fault, name, "is unknown here");
    }
    if (r < 0)
        fd_problem(response, 400, fault.detail);
    return r == 0;
}

bool fd_query_accept_none(const fd_query *query, fd_response *response) {
    char nothing;
    return fd_query_accept(query, NULL, 0, &nothing, response);
}
