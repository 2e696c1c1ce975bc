#include "json_read.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "problem.h"
#include "score.h"

/* ---- faults ---- */

/* The most bytes of `text`, at most `limit`, that do not end within a UTF-8 character. */
static size_t whole_characters(const char *text, size_t limit) {
    size_t n = strnlen(text, limit + 1);
    if (n <= limit)
        return n;
    n = limit;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void render_path(const fd_path *at, FILE *out) {
    if (!at)
        return;
    render_path(at->parent, out);
    if (!at->name) {
        (void)fprintf(out, "/%zu", at->index);
        return;
    }
    (void)fputc('/', out);
    for (const char *c = at->name; *c; c++) {
        if (*c == '~')
            (void)fputs("~0", out);
        else if (*c == '/')
            (void)fputs("~1", out);
        else
            (void)fputc(*c, out);
    }
}

int fd_json_fault(fd_fault *fault, const fd_path *at, const char *detail_format, ...) {
    FD_FREE char *pointer = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&pointer, &size);
    if (!out)
        return -ENOMEM;
    render_path(at, out);
    if (fclose(out) != 0)
        return -ENOMEM;

    char detail[sizeof(fault->detail)];
    va_list arguments;
    va_start(arguments, detail_format);
    (void)vsnprintf(detail, sizeof(detail), detail_format, arguments);
    va_end(arguments);
    pointer[whole_characters(pointer, sizeof(fault->pointer) - 1)] = '\0';
    return fd_fault_set(fault, -EINVAL, pointer, "%s", detail);
}

static int member_fault(fd_fault *fault, const fd_path *at, const char *name, const char *detail) {
    return fd_json_fault(fault, &(fd_path){.parent = at, .name = name}, "%s", detail);
}

/* ---- the whole body ---- */

/* What jansson 2.14 allocates, at most, for the value that a byte announces, with the room that its
 * list or table needs for it while that grows, and with what our reader of it adds. */
static const unsigned short memory_of[256] = {
    [','] = 72,               /* a number and its place in a list */
    ['['] = 208,              /* a list and a first number */
    ['{'] = 320, [':'] = 112, /* a member and its number */
    ['"'] = 112,              /* a string, but for its bytes */
};

struct extent {
    size_t depth, memory;
};

/* jansson recurses into what it parses and keeps each number as an object of its own, so both are
 * counted in the bytes first. */
static struct extent measure(const char *body, size_t size) {
    struct extent extent = {.memory = size};
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = body[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        depth += c == '[' || c == '{';
        depth -= (c == ']' || c == '}') && depth > 0;
        extent.depth = depth > extent.depth ? depth : extent.depth;
        extent.memory += memory_of[(unsigned char)c];
    }
    return extent;
}

size_t fd_json_size_estimate(const char *body, size_t size) {
    return measure(body, size).memory;
}

/* jansson calls a text malformed when there was no memory for what stands in it. */
static _Thread_local bool out_of_memory;

static void *noting_malloc(size_t size) {
    void *memory = malloc(size);
    out_of_memory |= !memory;
    return memory;
}

static void note_allocations(void) {
    json_set_alloc_funcs(noting_malloc, free);
}

int fd_json_parse(const char *body, size_t size, json_t **ret, fd_fault *fault) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, note_allocations);
    if (measure(body, size).depth > FD_JSON_DEPTH_MAX)
        return fd_fault_set(fault, -EBADMSG, "", "the JSON nests deeper than %d levels",
                            FD_JSON_DEPTH_MAX);
    json_error_t error;
    out_of_memory = false;
    FD_JSON json_t *root = json_loadb(body, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!root && out_of_memory)
        return -ENOMEM;
    if (!root) {
        /* What follows "near" is the sender's bytes. */
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

int fd_json_id(const json_t *value, const fd_path *at, const char **ret, fd_fault *fault) {
    if (!json_is_string(value))
        return fd_json_fault(fault, at, "must be a string");
    size_t length = json_string_length(value);
    if (length == 0)
        return fd_json_fault(fault, at, "must not be empty");
    if (length > FD_ID_MAX)
        return fd_json_fault(fault, at, "has %zu bytes; at most %d are allowed", length, FD_ID_MAX);
    const char *text = json_string_value(value);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return fd_json_fault(fault, at, "must not hold control characters");
    *ret = text;
    return 0;
}

static int read_text(const json_t *value, const fd_path *at, const char **ret, fd_fault *fault) {
    if (!json_is_string(value))
        return fd_json_fault(fault, at, "must be a string");
    if (json_string_length(value) > FD_TEXT_MAX)
        return fd_json_fault(fault, at, "has %zu bytes; at most %d are allowed",
                             json_string_length(value), FD_TEXT_MAX);
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
        return fd_json_id(value, at, ret, fault);
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

static int check_known(const json_t *object, const fd_path *at, const fd_field *fields, size_t n,
                       fd_fault *fault) {
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)object, name, member) {
        if (!is_known(name, fields, n))
            return fd_json_fault(fault, &(fd_path){.parent = at, .name = name},
                                 "there is no member \"%.*s\" here",
                                 (int)whole_characters(name, 80), name);
    }
    return 0;
}

int fd_json_read(const json_t *value, const fd_path *at, const fd_field *fields, size_t n,
                 void *ret, fd_fault *fault) {
    if (!json_is_object(value))
        return fd_json_fault(fault, at, "must be an object");
    int r = check_known(value, at, fields, n, fault);
    for (size_t i = 0; i < n && r == 0; i++) {
        const fd_field *field = &fields[i];
        const json_t *member = json_object_get(value, field->name);
        if (field->nullable && json_is_null(member))
            member = NULL;
        if (member)
            r = read_field(member, &(fd_path){.parent = at, .name = field->name}, field,
                           (char *)ret + field->offset, fault);
        else if (field->required)
            r = member_fault(fault, at, field->name, "is required");
    }
    return r;
}

/* ---- embeddings ---- */

static bool is_in_range(double number) {
    return fabs(number) <= (double)FI_EMBEDDING_MAX; /* false for NaN */
}

static int check_count(size_t count, const fd_path *at, fd_fault *fault) {
    if (count >= 1 && count <= FI_INPUTS_MAX)
        return 0;
    return fd_json_fault(fault, at, "has %zu numbers; must have 1 to %d", count, FI_INPUTS_MAX);
}

static int read_numbers(const json_t *list, const fd_path *at, float *numbers, fd_fault *fault) {
    size_t i;
    json_t *element;
    json_array_foreach(list, i, element) {
        fd_path here = {.parent = at, .index = i};
        if (!json_is_number(element))
            return fd_json_fault(fault, &here, "must be a number");
        double number = json_number_value(element);
        if (!is_in_range(number))
            return fd_json_fault(fault, &here, "must be at most %.0f in absolute value",
                                 (double)FI_EMBEDDING_MAX);
        numbers[i] = (float)number;
    }
    return 0;
}

static int read_base64(const json_t *text, const fd_path *at, fd_embedding *ret, fd_fault *fault) {
    /* 4 characters are at most 3 bytes; more than could be in bounds is not decoded. */
    size_t length = json_string_length(text);
    if (length / 4 * 3 > (size_t)FI_INPUTS_MAX * sizeof(float) + 2)
        return fd_json_fault(fault, at, "has more than %d numbers", FI_INPUTS_MAX);
    size_t room = length / 4 * 3 + sizeof(float);
    FD_FREE float *numbers = malloc(room);
    if (!numbers)
        return -ENOMEM;
    size_t size = 0;
    if (sodium_base642bin((unsigned char *)numbers, room, json_string_value(text), length, NULL,
                          &size, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        return fd_json_fault(fault, at, "is not base64 (standard alphabet, with padding)");
    if (size % sizeof(float) != 0)
        return fd_json_fault(fault, at, "decodes to %zu bytes, no multiple of 4", size);
    int r = check_count(size / sizeof(float), at, fault);
    if (r < 0)
        return r;

    for (size_t i = 0; i < size / sizeof(float); i++) {
        union {
            float number;
            uint32_t bits;
        } given = {.number = numbers[i]};
        given.bits = le32toh(given.bits);
        numbers[i] = given.number;
        if (!is_in_range((double)numbers[i]))
            return fd_json_fault(fault, at,
                                 "number %zu must be finite and at most %.0f in "
                                 "absolute value",
                                 i, (double)FI_EMBEDDING_MAX);
    }
    *ret = (fd_embedding){FD_STEAL(numbers), size / sizeof(float)};
    return 0;
}

int fd_json_embedding(const json_t *value, const fd_path *at, fd_embedding *ret, fd_fault *fault) {
    if (json_is_string(value))
        return read_base64(value, at, ret, fault);
    if (!json_is_array(value))
        return fd_json_fault(fault, at, "must be a list of numbers or a base64 string");
    size_t count = json_array_size(value);
    int r = check_count(count, at, fault);
    if (r < 0)
        return r;
    FD_FREE float *numbers = calloc(count, sizeof(*numbers));
    if (!numbers)
        return -ENOMEM;
    r = read_numbers(value, at, numbers, fault);
    if (r == 0)
        *ret = (fd_embedding){FD_STEAL(numbers), count};
    return r;
}

struct reference_body {
    const char *id;
    fd_embedding embedding;
};

static const fd_field reference_fields[] = {
    {"id", FD_FIELD_ID, .offset = offsetof(struct reference_body, id)},
    {"embedding", FD_FIELD_EMBEDDING, .offset = offsetof(struct reference_body, embedding)},
};

int fd_json_item_reference(const json_t *value, const fd_path *at, fd_item_reference *ret,
                           fd_fault *fault) {
    if (json_is_string(value))
        return fd_json_id(value, at, &ret->id, fault);
    if (!json_is_object(value))
        return fd_json_fault(fault, at, "must be an item's id or an object with \"embedding\"");
    struct reference_body body = {0};
    int r = fd_json_read(value, at, reference_fields, FD_LENGTH(reference_fields), &body, fault);
    ret->id = body.id;
    ret->embedding = body.embedding.numbers;
    ret->dimension = body.embedding.count;
    if (r == 0 && !body.id && !body.embedding.numbers)
        return member_fault(fault, at, "embedding", "is required");
    if (r == 0 && body.id && body.embedding.numbers)
        return member_fault(fault, at, "embedding", "excludes \"id\"");
    return r;
}

int fd_json_annotator(const fd_request *request, const fd_path *at, const char **annotator,
                      fd_fault *fault) {
    const char *bound = fd_request_bound_to(request);
    if (!*annotator)
        *annotator = bound;
    if (!*annotator)
        return member_fault(fault, at, "annotator", "is required");
    if (!bound || strcmp(*annotator, bound) == 0)
        return 0;
    (void)member_fault(fault, at, "annotator", "must be the name of the token, or left out");
    return -EPERM;
}

void fd_item_references_free(fd_item_reference *references, size_t n) {
    for (size_t i = 0; references && i < n; i++)
        free((float *)references[i].embedding);
    free(references);
}

/* ---- queries ---- */

static int query_fault(fd_fault *fault, const char *name, const char *detail) {
    return fd_fault_set(fault, -EINVAL, "", "query parameter \"%.*s\" %s",
                        (int)whole_characters(name, 80), name, detail);
}

/* Digits alone: no sign, no blanks. */
static int query_number(const char *name, const char *text, int64_t min, int64_t max, int64_t *ret,
                        fd_fault *fault) {
    int64_t number = 0;
    bool good = *text != '\0';
    for (const char *c = text; *c && good; c++)
        good = *c >= '0' && *c <= '9' && !__builtin_mul_overflow(number, 10, &number) &&
               !__builtin_add_overflow(number, *c - '0', &number);
    if (!good || number < min || number > max) {
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "must be an integer from %lld to %lld",
                       (long long)min, (long long)max);
        return query_fault(fault, name, detail);
    }
    *ret = number;
    return 0;
}

static int query_boolean(const char *name, const char *text, bool *ret, fd_fault *fault) {
    *ret = strcmp(text, "true") == 0;
    return *ret || strcmp(text, "false") == 0 ? 0
                                              : query_fault(fault, name, "must be true or false");
}

static int read_parameter(const char *name, const char *value, unsigned takes, int64_t cursor_max,
                          fd_query *ret, fd_fault *fault) {
    if ((takes & (FD_QUERY_PAGE | FD_QUERY_VERSIONS)) && strcmp(name, "limit") == 0)
        return query_number(name, value, 1, FD_PAGE_LIMIT_MAX, &ret->limit, fault);
    if ((takes & FD_QUERY_PAGE) && strcmp(name, "cursor") == 0)
        return query_number(name, value, 0, cursor_max, &ret->cursor, fault);
    if ((takes & FD_QUERY_VERSIONS) && strcmp(name, "before") == 0)
        return query_number(name, value, 1, FD_INTEGER_MAX, &ret->before, fault);
    if (((takes & FD_QUERY_EMBEDDINGS) && strcmp(name, "embeddings") == 0) ||
        ((takes & FD_QUERY_EMBEDDING) && strcmp(name, "embedding") == 0))
        return query_boolean(name, value, &ret->embeddings, fault);
    return query_fault(fault, name, "is unknown here");
}

int fd_query_read(const fd_request *request, unsigned takes, int64_t cursor_max, fd_query *ret,
                  fd_fault *fault) {
    *ret = (fd_query){.limit = FD_PAGE_LIMIT};
    for (size_t i = 0; i < request->query_count; i++) {
        const char *name = request->query[i].name;
        for (size_t j = 0; j < i; j++)
            if (strcmp(request->query[j].name, name) == 0)
                return query_fault(fault, name, "is there twice");
        int r = read_parameter(name, request->query[i].value, takes, cursor_max, ret, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

bool fd_query_accept(const fd_request *request, fd_response *response, unsigned takes,
                     int64_t cursor_max, fd_query *ret) {
    fd_fault fault = {0};
    if (fd_query_read(request, takes, cursor_max, ret, &fault) == 0)
        return true;
    fd_problem(request, response, 400, fault.detail);
    return false;
}

bool fd_query_accept_none(const fd_request *request, fd_response *response) {
    fd_query query;
    return fd_query_accept(request, response, FD_QUERY_NOTHING, 0, &query);
}

/* ---- writing ---- */

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

json_t *fd_json_base64(const float *numbers, size_t count) {
    FD_FREE uint32_t *words = calloc(count ? count : 1, sizeof(*words));
    size_t room = sodium_base64_encoded_len(count * sizeof(*words), sodium_base64_VARIANT_ORIGINAL);
    FD_FREE char *text = malloc(room);
    if (!words || !text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        memcpy(&words[i], &numbers[i], sizeof(words[i]));
        words[i] = htole32(words[i]);
    }
    (void)sodium_bin2base64(text, room, (unsigned char *)words, count * sizeof(*words),
                            sodium_base64_VARIANT_ORIGINAL);
    return json_string_nocheck(text);
}

json_t *fd_json_page(const char *name, json_t *rows, bool more, int64_t cursor) {
    json_t *next = more ? json_sprintf("%lld", (long long)cursor) : json_null();
    return json_pack("{s:o, s:o}", name, rows, "next_cursor", next);
}

void fd_json_respond(const fd_request *request, fd_response *response, unsigned status,
                     json_t *tree) {
    char *body = tree ? json_dumps(tree, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(tree);
    if (!body) {
        fd_problem_of(request, response, -ENOMEM, NULL);
        return;
    }
    response->status = status;
    response->body = body;
    response->size = strlen(body);
}
