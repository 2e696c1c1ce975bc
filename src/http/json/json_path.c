/* Renders paths to values as JSON pointers (RFC 6901), for faults. */
#include "json_path.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "macros.h"

size_t fd_json_whole_characters(const char *text, size_t limit) {
    size_t n = strnlen(text, limit + 1);
    if (n <= limit)
        return n;
    n = limit;
    while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void print_path(const fd_path *at, FILE *out) {
    if (!at)
        return;
    print_path(at->parent, out);
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
    print_path(at, out);
    if (fclose(out) != 0)
        return -ENOMEM;

    char detail[sizeof(fault->detail)];
    va_list arguments;
    va_start(arguments, detail_format);
    (void)vsnprintf(detail, sizeof(detail), detail_format, arguments);
    va_end(arguments);
    pointer[fd_json_whole_characters(pointer, sizeof(fault->pointer) - 1)] = '\0';
    return fd_fault_set(fault, -EINVAL, pointer, "%s", detail);
}

int fd_json_member_fault(fd_fault *fault, const fd_path *at, const char *name, const char *detail) {
    return fd_json_fault(fault, &(fd_path){.parent = at, .name = name}, "%s", detail);
}
