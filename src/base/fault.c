/* Fills faults: the place and the cause of wrong input. */
#include "fault.h"

#include <errno.h>
#include <stdio.h>

#include "utf8.h"

/* Cutting a text to fit may split a character. Its remaining bytes become '?'. */
static void replace_broken_characters(char *text) {
    while (*text) {
        size_t length = fd_utf8_length(text);
        if (length == 0)
            *text = '?';
        text += length > 0 ? length : 1;
    }
}

/* Where the next fault goes; NULL pointers where there is no room for it. */
struct place {
    char *pointer;
    char *detail;
};

static struct place place_of(fd_fault *fault) {
    fd_more_faults *more = fault->more;
    if (!more || fault->detail[0] == '\0')
        return (struct place){fault->pointer, fault->detail};
    if (more->n == FD_FAULTS_MAX - 1)
        return (struct place){0};
    more->n++;
    return (struct place){more->list[more->n - 1].pointer, more->list[more->n - 1].detail};
}

static void print(struct place to, const char *detail_format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void print(struct place to, const char *detail_format, va_list arguments) {
    (void)vsnprintf(to.detail, FD_FAULT_DETAIL_SIZE, detail_format, arguments);
    replace_broken_characters(to.pointer);
    replace_broken_characters(to.detail);
}

int fd_fault_set(fd_fault *fault, int error, const char *pointer, const char *detail_format, ...) {
    struct place to = place_of(fault);
    if (!to.pointer)
        return error;
    va_list arguments;
    va_start(arguments, detail_format);
    (void)snprintf(to.pointer, FD_FAULT_POINTER_SIZE, "%s", pointer);
    print(to, detail_format, arguments);
    va_end(arguments);
    return error;
}

int fd_fault_set_at(fd_fault *fault, int error, const char *list, size_t index, const char *member,
                    const char *detail_format, ...) {
    struct place to = place_of(fault);
    if (!to.pointer)
        return error;
    va_list arguments;
    va_start(arguments, detail_format);
    (void)snprintf(to.pointer, FD_FAULT_POINTER_SIZE, "/%s/%zu%s%s", list, index, member ? "/" : "",
                   member ? member : "");
    print(to, detail_format, arguments);
    va_end(arguments);
    return error;
}

bool fd_fault_stops(const fd_fault *fault, int r, int *first) {
    if (r == 0)
        return false;
    if (*first == 0)
        *first = r;
    return r != -EINVAL || !fault->more || fault->more->n == FD_FAULTS_MAX - 1;
}
