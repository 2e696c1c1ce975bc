/* Reads a list of pairs in each of its three forms. */
#include "pair_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "item_reference.h"
#include "json_read.h"

struct pair_body {
    const json_t *a;
    const json_t *b;
    const char *id;
};

static const fd_field pair_fields[] = {
    {"a", FD_FIELD_ANY, .required = true, .offset = offsetof(struct pair_body, a)},
    {"b", FD_FIELD_ANY, .required = true, .offset = offsetof(struct pair_body, b)},
    {"id", FD_FIELD_ID, .nullable = true, .offset = offsetof(struct pair_body, id)},
};

void fd_pair_list_clear(fd_pair_list *pairs) {
    for (size_t i = 0; pairs->list && i < pairs->n; i++) {
        fd_item_reference_clear(&pairs->list[i].a);
        fd_item_reference_clear(&pairs->list[i].b);
    }
    free(pairs->list);
    free(pairs->ids);
}

/* The second also where only the content of the first is wrong, to tell both. */
static int read_two(const json_t *a, const fd_path *at_a, const json_t *b, const fd_path *at_b,
                    fd_pair_reference *ret, fd_fault *fault) {
    int first = 0;
    if (!fd_fault_stops(fault, fd_item_reference_read(a, at_a, &ret->a, fault), &first))
        (void)fd_fault_stops(fault, fd_item_reference_read(b, at_b, &ret->b, fault), &first);
    return first;
}

/* [a, b] or [a, b, id] */
static int read_row(const json_t *row, const fd_path *at, fd_pair_reference *ret,
                    const char **ret_id, fd_fault *fault) {
    size_t n = json_array_size(row);
    if (n != 2 && n != 3)
        return fd_json_fault(fault, at, "has %zu elements; must have 2 or 3", n);
    const json_t *id = json_array_get(row, 2);
    int r = read_two(json_array_get(row, 0), &(fd_path){.parent = at, .index = 0},
                     json_array_get(row, 1), &(fd_path){.parent = at, .index = 1}, ret, fault);
    if (r == 0 && id && !json_is_null(id))
        r = fd_json_reference(id, &(fd_path){.parent = at, .index = 2}, ret_id, fault);
    return r;
}

static int read_pair(const json_t *value, const fd_path *at, fd_pair_reference *ret,
                     const char **ret_id, fd_fault *fault) {
    if (json_is_array(value))
        return read_row(value, at, ret, ret_id, fault);
    struct pair_body body = {0};
    int r = fd_json_read(value, at, pair_fields, FD_LENGTH(pair_fields), &body, fault);
    if (r < 0)
        return r;
    *ret_id = body.id;
    return read_two(body.a, &(fd_path){.parent = at, .name = "a"}, body.b,
                    &(fd_path){.parent = at, .name = "b"}, ret, fault);
}

static int check_length(size_t n, fd_pair_count allowed, const fd_path *at, fd_fault *fault) {
    if (n >= allowed.least && n <= allowed.most)
        return 0;
    return fd_json_fault(fault, at, "has %zu elements; must have %zu to %zu", n, allowed.least,
                         allowed.most);
}

static int make_room(size_t n, fd_pair_list *ret) {
    ret->n = n;
    ret->list = calloc(n ? n : 1, sizeof(*ret->list));
    ret->ids = calloc(n ? n : 1, sizeof(*ret->ids));
    return ret->list && ret->ids ? 0 : -ENOMEM;
}

struct columns_body {
    const json_t *a;
    const json_t *b;
    const json_t *id;
};

#define AT(member) .offset = offsetof(struct columns_body, member), .max = FD_PAIRS_MAX
static const fd_field columns_fields[] = {
    {"a", FD_FIELD_ARRAY, .required = true, AT(a)},
    {"b", FD_FIELD_ARRAY, .required = true, AT(b)},
    {"id", FD_FIELD_ARRAY, .nullable = true, AT(id)},
};
#undef AT

static int read_columns(const json_t *value, const fd_path *path, fd_pair_count allowed,
                        fd_pair_list *ret, fd_fault *fault) {
    struct columns_body body = {0};
    int r = fd_json_read(value, path, columns_fields, FD_LENGTH(columns_fields), &body, fault);
    size_t n = json_array_size(body.a);
    if (r == 0)
        r = check_length(n, allowed, path, fault);
    const fd_path a = {.parent = path, .name = "a"}, b = {.parent = path, .name = "b"};
    const fd_path ids = {.parent = path, .name = "id"};
    if (r == 0 && json_array_size(body.b) != n)
        r = fd_json_fault(fault, &b, "must have as many elements as \"a\"");
    if (r == 0 && body.id && json_array_size(body.id) != n)
        r = fd_json_fault(fault, &ids, "must have as many elements as \"a\"");
    ret->form = FD_PAIRS_COLUMNS;
    if (r == 0)
        r = make_room(n, ret);
    bool stops = r < 0;
    for (size_t i = 0; i < n && !stops; i++) {
        const json_t *id = body.id ? json_array_get(body.id, i) : NULL;
        stops =
            fd_fault_stops(fault,
                           read_two(json_array_get(body.a, i), &(fd_path){.parent = &a, .index = i},
                                    json_array_get(body.b, i), &(fd_path){.parent = &b, .index = i},
                                    &ret->list[i], fault),
                           &r);
        if (!stops && id && !json_is_null(id))
            stops = fd_fault_stops(
                fault,
                fd_json_reference(id, &(fd_path){.parent = &ids, .index = i}, &ret->ids[i], fault),
                &r);
    }
    return r;
}

int fd_pair_list_read(const json_t *value, const char *name, fd_pair_count allowed,
                      fd_pair_list *ret, fd_fault *fault) {
    fd_path path = {.name = name};
    if (!value || (json_is_null(value) && ret->n > 0))
        return 0; /* not there, or there already */
    if (json_is_object(value) && json_object_size(value) > 0)
        return read_columns(value, &path, allowed, ret, fault);
    if (!json_is_array(value))
        return fd_json_fault(fault, &path, "must be a list, or an object of columns");
    size_t n = json_array_size(value);
    int r = check_length(n, allowed, &path, fault);
    if (r == 0)
        r = make_room(n, ret);
    if (n > 0 && json_is_array(json_array_get(value, 0)))
        ret->form = FD_PAIRS_ROWS;
    bool stops = r < 0;
    for (size_t i = 0; i < n && !stops; i++)
        stops = fd_fault_stops(fault,
                               read_pair(json_array_get(value, i),
                                         &(fd_path){.parent = &path, .index = i}, &ret->list[i],
                                         &ret->ids[i], fault),
                               &r);
    return r;
}

void fd_pair_list_locate(const fd_pair_list *list, const char *list_name, fd_fault *fault) {
    char name[16], side[2], rest[32];
    size_t index;
    int end = 0;
    /* NOLINTNEXTLINE(cert-err34-c): the number is one that this program wrote. */
    if (sscanf(fault->pointer, "/%15[a-z]/%zu/%1[ab]%n", name, &index, side, &end) != 3 ||
        (fault->pointer[end] != '\0' && fault->pointer[end] != '/') || strcmp(name, list_name) != 0)
        return;
    (void)snprintf(rest, sizeof(rest), "%s", fault->pointer + end);
    if (list->form == FD_PAIRS_ROWS)
        (void)snprintf(fault->pointer, sizeof(fault->pointer), "/%s/%zu/%d%s", name, index,
                       side[0] == 'b', rest);
    else if (list->form == FD_PAIRS_COLUMNS)
        (void)snprintf(fault->pointer, sizeof(fault->pointer), "/%s/%s/%zu%s", name, side, index,
                       rest);
}
