/* The values of a table's options: from text, to text, compared and swapped. */
#include "option_table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static void *member_of(const fd_option_row *row, void *members) {
    return (char *)members + row->offset;
}

static const void *const_member_of(const fd_option_row *row, const void *members) {
    return (const char *)members + row->offset;
}

/* ---- choices: "first|second|…" ---- */

static size_t first_length(const char *choices) {
    return strcspn(choices, "|");
}

static const char *next_choice(const char *choices) {
    choices += first_length(choices);
    return *choices ? choices + 1 : choices;
}

static int set_choice(const fd_option_row *row, uint64_t *member, const char *text,
                      const char *source, fd_fault *fault) {
    uint64_t index = 0;
    for (const char *at = row->argument; *at; at = next_choice(at), index++)
        if (strlen(text) == first_length(at) && strncmp(at, text, first_length(at)) == 0) {
            *member = index;
            return 0;
        }
    return fd_fault_set(fault, -EINVAL, "", "%s: %s takes %s, not \"%s\"", source, row->name,
                        row->argument, text);
}

static void print_choice(const fd_option_row *row, uint64_t index, FILE *out) {
    const char *at = row->argument;
    while (index-- > 0)
        at = next_choice(at);
    (void)fprintf(out, "%.*s", (int)first_length(at), at);
}

/* ---- values ---- */

const fd_option_row *fd_option_find(const fd_option_table *table, const char *name, size_t length) {
    for (size_t i = 0; i < table->n; i++)
        if (strlen(table->rows[i].name) == length &&
            strncmp(table->rows[i].name, name, length) == 0)
            return &table->rows[i];
    return NULL;
}

static int set_text(char **member, const char *text) {
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*member);
    *member = copy;
    return 0;
}

static int set_number(const fd_option_row *row, void *member, const char *text, const char *source,
                      fd_fault *fault) {
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool whole =
        row->kind != FD_OPTION_COUNT || (number == floor(number) && !strpbrk(text, "xXpP"));
    if (end == text || *end != '\0' || errno != 0 || !isfinite(number) || !whole)
        return fd_fault_set(fault, -EINVAL, "", "%s: %s takes a %s, not \"%s\"", source, row->name,
                            row->kind == FD_OPTION_COUNT ? "whole number" : "number", text);
    if (number < row->lowest || number > row->highest)
        return fd_fault_set(fault, -EINVAL, "", "%s: %s takes %g to %g, not %s", source, row->name,
                            row->lowest, row->highest, text);
    if (row->kind == FD_OPTION_COUNT)
        *(uint64_t *)member = (uint64_t)number;
    else
        *(double *)member = number;
    return 0;
}

int fd_option_set(const fd_option_row *row, void *members, const char *text, const char *source,
                  fd_fault *fault) {
    void *member = member_of(row, members);
    if (row->kind == FD_OPTION_TEXT)
        return set_text(member, text);
    if (row->kind == FD_OPTION_CHOICE)
        return set_choice(row, member, text, source, fault);
    return set_number(row, member, text, source, fault);
}

int fd_option_set_defaults(const fd_option_table *table, void *members, fd_fault *fault) {
    for (size_t i = 0; i < table->n; i++) {
        const fd_option_row *row = &table->rows[i];
        int r = fd_option_set(row, members, row->standard, "default", fault);
        if (r < 0)
            return r;
    }
    return 0;
}

void fd_option_table_clear(const fd_option_table *table, void *members) {
    for (size_t i = 0; i < table->n; i++)
        if (table->rows[i].kind == FD_OPTION_TEXT)
            fd_freep(member_of(&table->rows[i], members));
}

void fd_option_print(const fd_option_row *row, const void *members, FILE *out) {
    const void *member = const_member_of(row, members);
    if (row->kind == FD_OPTION_TEXT)
        (void)fputs(*(char *const *)member, out);
    else if (row->kind == FD_OPTION_COUNT)
        (void)fprintf(out, "%" PRIu64, *(const uint64_t *)member);
    else if (row->kind == FD_OPTION_CHOICE)
        print_choice(row, *(const uint64_t *)member, out);
    else
        (void)fprintf(out, "%.9g", *(const double *)member);
}

/* ---- two sets of values ---- */

static size_t size_of(const fd_option_row *row) {
    return row->kind == FD_OPTION_TEXT   ? sizeof(char *)
           : row->kind == FD_OPTION_REAL ? sizeof(double)
                                         : sizeof(uint64_t);
}

bool fd_option_is_same(const fd_option_row *row, const void *members, const void *others) {
    const void *a = const_member_of(row, members), *b = const_member_of(row, others);
    if (row->kind == FD_OPTION_TEXT)
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    return memcmp(a, b, size_of(row)) == 0;
}

void fd_option_swap(const fd_option_row *row, void *members, void *others) {
    void *a = member_of(row, members), *b = member_of(row, others);
    char kept[sizeof(double)]; /* the largest member */
    memcpy(kept, a, size_of(row));
    memcpy(a, b, size_of(row));
    memcpy(b, kept, size_of(row));
}

/* ---- help ---- */

void fd_option_table_print_help(const fd_option_table *table, const char *prefix, FILE *out) {
    for (size_t i = 0; i < table->n; i++) {
        const fd_option_row *row = &table->rows[i];
        if (strncmp(row->name, prefix, strlen(prefix)) != 0)
            continue;
        char flag[48];
        (void)snprintf(flag, sizeof(flag), "--%s %s", row->name, row->argument);
        (void)fprintf(out, "  %-26s %s", flag, row->help);
        if (row->standard[0] != '\0')
            (void)fprintf(out, " [%s]", row->standard);
        (void)fputc('\n', out);
    }
}
