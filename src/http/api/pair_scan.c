/* Reads lists of pairs of plain ids from the text of a body. */
#include "pair_scan.h"

#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "utf8.h"

enum { LIST_MIN = 1024 }; /* bytes of a body from which on scanning pays */

static char *skip_blanks(char *at) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r')
        at++;
    return at;
}

/* Reads an id at its quote and ends it with a NUL. Returns what follows; NULL for another value. */
static char *scan_id(char *at, const char **ret) {
    if (*at != '"')
        return NULL;
    char *start = ++at;
    while (*at != '"') {
        unsigned char c = (unsigned char)*at;
        size_t length = c < 0x80 ? 1 : fd_utf8_length(at);
        if (c < ' ' || c == '\\' || c == 0x7f || length == 0)
            return NULL;
        at += length;
    }
    if (at == start || at - start > FD_ID_MAX)
        return NULL;
    *ret = start;
    *at = '\0';
    return at + 1;
}

/* ---- pairs ---- */

struct pair {
    const char *ids[3]; /* of a, of b, and of the pair */
};

static int column_of(const char *name) {
    static const char *const names[] = {"a", "b", "id"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static char *scan_object(char *at, struct pair *ret) {
    do {
        const char *name;
        at = scan_id(skip_blanks(at + 1), &name);
        int column = at ? column_of(name) : -1;
        if (column < 0 || ret->ids[column])
            return NULL;
        at = skip_blanks(at);
        at = *at == ':' ? scan_id(skip_blanks(at + 1), &ret->ids[column]) : NULL;
        if (!at)
            return NULL;
        at = skip_blanks(at);
    } while (*at == ',');
    return *at == '}' ? at + 1 : NULL;
}

static char *scan_row(char *at, struct pair *ret) {
    int n = 0;
    do {
        at = n < 3 ? scan_id(skip_blanks(at + 1), &ret->ids[n++]) : NULL;
        if (!at)
            return NULL;
        at = skip_blanks(at);
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

/* Makes room for a row. */
static bool grow(fd_pair_list *list, size_t *room) {
    if (list->n < *room)
        return true;
    size_t more = *room > 0 ? 2 * *room : 1024;
    fd_pair_reference *pairs = reallocarray(list->list, more, sizeof(*pairs));
    if (pairs)
        list->list = pairs;
    const char **ids = reallocarray(list->ids, more, sizeof(*ids));
    if (ids)
        list->ids = ids;
    *room = more;
    return pairs && ids;
}

static char *scan_rows(char *at, fd_pair_list *ret) {
    size_t room = 0;
    ret->form = FD_PAIRS_ROWS;
    do {
        struct pair pair = {0};
        at = skip_blanks(at + 1);
        if (*at == '{')
            ret->form = FD_PAIRS_OBJECTS;
        at = *at == '{' ? scan_object(at, &pair) : *at == '[' ? scan_row(at, &pair) : NULL;
        if (!at || !pair.ids[0] || !pair.ids[1] || ret->n == FD_PAIRS_MAX || !grow(ret, &room))
            return NULL;
        ret->list[ret->n] = (fd_pair_reference){.a.id = pair.ids[0], .b.id = pair.ids[1]};
        ret->ids[ret->n++] = pair.ids[2];
        at = skip_blanks(at);
    } while (*at == ',');
    return *at == ']' ? at + 1 : NULL;
}

/* Column 0 makes the rows; the others must have as many. */
static char *scan_column(char *at, int column, fd_pair_list *list, size_t *room) {
    size_t n = 0;
    if (*at != '[')
        return NULL;
    do {
        const char *id = NULL;
        at = scan_id(skip_blanks(at + 1), &id);
        if (!at || n == FD_PAIRS_MAX || (column > 0 && n == list->n))
            return NULL;
        if (column == 0) {
            if (!grow(list, room))
                return NULL;
            list->list[n] = (fd_pair_reference){.a.id = id};
            list->ids[n] = NULL;
            list->n++;
        } else if (column == 1) {
            list->list[n].b.id = id;
        } else {
            list->ids[n] = id;
        }
        n++;
        at = skip_blanks(at);
    } while (*at == ',');
    return *at == ']' && n == list->n ? at + 1 : NULL;
}

/* In the order a, b, id. */
static char *scan_columns(char *at, fd_pair_list *ret) {
    size_t room = 0;
    int n = 0;
    ret->form = FD_PAIRS_COLUMNS;
    do {
        const char *name;
        at = scan_id(skip_blanks(at + 1), &name);
        if (!at || column_of(name) != n)
            return NULL;
        at = skip_blanks(at);
        at = *at == ':' ? scan_column(skip_blanks(at + 1), n++, ret, &room) : NULL;
        if (!at)
            return NULL;
        at = skip_blanks(at);
    } while (*at == ',');
    return *at == '}' && n >= 2 ? at + 1 : NULL;
}

/* ---- the body ---- */

/* What follows a value of any kind; NULL at the end of the text. jansson checks the value later. */
static char *skip_value(char *at) {
    size_t depth = 0;
    bool in_string = false;
    for (; *at; at++) {
        if (in_string) {
            if (*at == '\\' && at[1])
                at++;
            else if (*at == '"')
                in_string = false;
            continue;
        }
        if (depth == 0 && (*at == ',' || *at == '}' || *at == ']'))
            return at;
        in_string = *at == '"';
        depth += *at == '[' || *at == '{';
        depth -= *at == ']' || *at == '}';
    }
    return NULL;
}

/* The list that a member fills; NULL: another member. */
static fd_pair_list *list_of(const char *name, fd_selection_lists *lists) {
    return strcmp(name, "pairs") == 0     ? &lists->pairs
           : strcmp(name, "pending") == 0 ? &lists->pending
           : strcmp(name, "exclude") == 0 ? &lists->exclude
                                          : NULL;
}

/* Copies the original text from where it was up to `to`, which are offsets into the body. */
static void keep(fd_pair_scan *scan, const char *body, size_t *from, size_t to) {
    memcpy(scan->rest + scan->rest_size, body + *from, to - *from);
    scan->rest_size += to - *from;
    *from = to;
}

static bool scan_members(const char *body, size_t size, fd_pair_scan *scan,
                         fd_selection_lists *lists) {
    char *at = skip_blanks(scan->text);
    size_t kept = 0;
    bool any = false;
    if (*at != '{')
        return false;
    do {
        const char *name = NULL;
        at = scan_id(skip_blanks(at + 1), &name);
        if (!at)
            return false;
        at = skip_blanks(at);
        if (*at != ':')
            return false;
        at = skip_blanks(at + 1);
        fd_pair_list *list = list_of(name, lists);
        if (list && list->n > 0)
            return false; /* it is there twice */
        if (list && (*at == '[' || *at == '{') && at[1] != ']') {
            keep(scan, body, &kept, (size_t)(at - scan->text));
            at = *at == '[' ? scan_rows(at, list) : scan_columns(at, list);
            if (!at)
                return false;
            memcpy(scan->rest + scan->rest_size, "null", 4);
            scan->rest_size += 4;
            kept = (size_t)(at - scan->text);
            any = true;
        } else {
            at = skip_value(at);
        }
        at = at ? skip_blanks(at) : NULL;
    } while (at && *at == ',');
    if (!any || !at || *at != '}')
        return false;
    keep(scan, body, &kept, size);
    return true;
}

bool fd_pair_scan_read(const char *body, size_t size, fd_pair_scan *ret,
                       fd_selection_lists *lists) {
    if (size < LIST_MIN)
        return false;
    ret->text = malloc(size + 1);
    ret->rest = malloc(size + 1);
    bool is_read = ret->text && ret->rest;
    if (is_read) {
        memcpy(ret->text, body, size);
        ret->text[size] = '\0';
        is_read = scan_members(body, size, ret, lists);
    }
    if (!is_read) {
        fd_selection_lists_clear(lists);
        *lists = (fd_selection_lists){0};
    }
    return is_read;
}

void fd_pair_scan_clear(fd_pair_scan *scan) {
    free(scan->text);
    free(scan->rest);
    *scan = (fd_pair_scan){0};
}
