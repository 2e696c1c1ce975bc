/* Parses JSON bodies and reads objects into structs, by tables of fields. */
#include "json_read.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json_memory.h"
#include "json_size_estimate.h"

/* ---- parsing ---- */

int fd_json_parse(const char *body, size_t size, json_t **ret, fd_fault *fault) {
    fd_json_memory_open();
    if (fd_json_estimate(body, size).depth > FD_JSON_DEPTH_MAX)
        return fd_fault_set(fault, -EBADMSG, "", "the JSON nests deeper than %d levels",
                            FD_JSON_DEPTH_MAX);
    json_error_t error;
    (void)fd_json_memory_failed();
    FD_JSON json_t *root = json_loadb(body, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root && fd_json_memory_failed())
        return -ENOMEM;
    if (!root) {
        /* The sender's own bytes follow "near". */
        char *near = strstr(error.text, " near ");
        if (near)
            *near = '\0';
        return fd_fault_set(fault, -EBADMSG, "", "malformed JSON: %s at line %d, column %d",
                            error.text, error.line, error.column);
    }
    if (!json_is_object(root))
        return fd_json_fault(fault, NULL, "the body must be a JSON object");
    *ret = FD_STEAL(root);
    return 0;
}

/* ---- values ---- */

int fd_json_reference(const json_t *value, const fd_path *at, const char **ret, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    if (!json_is_string(value))
        return fd_json_fault(fault, at, "must be a string");
    if (fd_reference_rule(json_string_length(value), why) < 0)
        return fd_json_fault(fault, at, "%s", why);
    *ret = json_string_value(value);
    return 0;
}

static int read_id(const json_t *value, const fd_path *at, const char **ret, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    int r = fd_json_reference(value, at, ret, fault);
    if (r == 0 && fd_id_rule(*ret, json_string_length(value), why) < 0)
        return fd_json_fault(fault, at, "%s", why);
    return r;
}

static int read_text(const json_t *value, const fd_path *at, const char **ret, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    if (!json_is_string(value))
        return fd_json_fault(fault, at, "must be a string");
    if (fd_text_rule(json_string_value(value), json_string_length(value), why) < 0)
        return fd_json_fault(fault, at, "%s", why);
    *ret = json_string_value(value);
    return 0;
}

static int read_integer(const json_t *value, const fd_path *at, const fd_field *field, int64_t *ret,
                        fd_fault *fault) {
    if (!json_is_integer(value) || json_integer_value(value) < field->min ||
        json_integer_value(value) > field->max)
        return fd_json_fault(fault, at, "must be an integer from %lld to %lld",
                             (long long)field->min, (long long)field->max);
    *ret = json_integer_value(value);
    return 0;
}

static int read_real(const json_t *value, const fd_path *at, const fd_field *field, double *ret,
                     fd_fault *fault) {
    double number = json_number_value(value);
    if (!json_is_number(value) || !(number >= field->lowest && number <= field->highest))
        return fd_json_fault(fault, at, "must be a number from %g to %g", field->lowest,
                             field->highest);
    *ret = number;
    return 0;
}

static int read_enum(const json_t *value, const fd_path *at, const char *const *choices, int *ret,
                     fd_fault *fault) {
    const char *text = json_string_value(value);
    for (int i = 0; text && choices[i]; i++)
        if (strcmp(text, choices[i]) == 0) {
            *ret = i;
            return 0;
        }
    char list[128] = "";
    for (int i = 0; choices[i]; i++) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof(list) - used, "%s\"%s\"",
                       i == 0           ? ""
                       : choices[i + 1] ? ", "
                                        : " or ",
                       choices[i]);
    }
    return fd_json_fault(fault, at, "must be %s", list);
}

static int read_array(const json_t *value, const fd_path *at, const fd_field *field,
                      const json_t **ret, fd_fault *fault) {
    if (!json_is_array(value))
        return fd_json_fault(fault, at, "must be a list");
    size_t n = json_array_size(value);
    if (n < (size_t)field->min || n > (size_t)field->max)
        return fd_json_fault(fault, at, "has %zu elements; must have %lld to %lld", n,
                             (long long)field->min, (long long)field->max);
    *ret = value;
    return 0;
}

static int read_field(const json_t *value, const fd_path *at, const fd_field *field, void *ret,
                      fd_fault *fault) {
    switch (field->kind) {
    case FD_FIELD_ID:
        return read_id(value, at, ret, fault);
    case FD_FIELD_REFERENCE:
        return fd_json_reference(value, at, ret, fault);
    case FD_FIELD_TEXT:
        return read_text(value, at, ret, fault);
    case FD_FIELD_INTEGER:
        return read_integer(value, at, field, ret, fault);
    case FD_FIELD_REAL:
        return read_real(value, at, field, ret, fault);
    case FD_FIELD_BOOLEAN:
        if (!json_is_boolean(value))
            return fd_json_fault(fault, at, "must be true or false");
        *(bool *)ret = json_is_true(value);
        return 0;
    case FD_FIELD_ENUM:
        return read_enum(value, at, field->choices, ret, fault);
    case FD_FIELD_ARRAY:
        return read_array(value, at, field, ret, fault);
    case FD_FIELD_OBJECT:
        if (!json_is_object(value))
            return fd_json_fault(fault, at, "must be an object");
        *(const json_t **)ret = value;
        return 0;
    case FD_FIELD_ANY:
        *(const json_t **)ret = value;
        return 0;
    case FD_FIELD_EMBEDDING:
        return fd_json_embedding(value, at, ret, fault);
    }
    assert(false);
    return -EINVAL;
}

static bool is_known(const char *name, const fd_field *fields, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, name) == 0)
            return true;
    return false;
}

/* True: stop. */
static bool check_known(const json_t *object, const fd_path *at, const fd_field *fields, size_t n,
                        int *first, fd_fault *fault) {
    const char *name;
    json_t *member;
    int r;
    json_object_foreach((json_t *)object, name, member) {
        if (is_known(name, fields, n))
            continue;
        r = fd_json_fault(fault, &(fd_path){.parent = at, .name = name}, "unknown member \"%.*s\"",
                          (int)fd_json_whole_characters(name, 80), name);
        if (fd_fault_stops(fault, r, first))
            return true;
    }
    return false;
}

static int read_member(const json_t *object, const fd_path *at, const fd_field *field, void *ret,
                       fd_fault *fault) {
    const json_t *member = json_object_get(object, field->name);
    if (field->nullable && json_is_null(member))
        member = NULL;
    if (member)
        return read_field(member, &(fd_path){.parent = at, .name = field->name}, field,
                          (char *)ret + field->offset, fault);
    return field->required ? fd_json_member_fault(fault, at, field->name, "is required") : 0;
}

int fd_json_read(const json_t *value, const fd_path *at, const fd_field *fields, size_t n,
                 void *ret, fd_fault *fault) {
    if (!json_is_object(value))
        return fd_json_fault(fault, at, "must be an object");
    int first = 0;
    bool stops = check_known(value, at, fields, n, &first, fault);
    for (size_t i = 0; i < n && !stops; i++)
        stops = fd_fault_stops(fault, read_member(value, at, &fields[i], ret, fault), &first);
    return first;
}

int fd_json_read_body(const char *body, size_t size, const fd_field *fields, size_t n,
                      json_t **ret_root, void *ret, fd_fault *fault) {
    int r = fd_json_parse(body, size, ret_root, fault);
    return r < 0 ? r : fd_json_read(*ret_root, NULL, fields, n, ret, fault);
}
