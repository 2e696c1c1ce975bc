/* Fills faults: the place and the cause of wrong input. */
#include "fault.h"

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

int fd_fault_set(fd_fault *fault, int error, const char *pointer, const char *detail_format, ...) {
    va_list arguments;
    va_start(arguments, detail_format);
    (void)snprintf(fault->pointer, sizeof(fault->pointer), "%s", pointer);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), detail_format, arguments);
    va_end(arguments);
    replace_broken_characters(fault->pointer);
    replace_broken_characters(fault->detail);
    return error;
}

int fd_fault_set_at(fd_fault *fault, int error, const char *list, size_t index, const char *member,
                    const char *detail_format, ...) {
    va_list arguments;
    va_start(arguments, detail_format);
    (void)snprintf(fault->pointer, sizeof(fault->pointer), "/%s/%zu%s%s", list, index,
                   member ? "/" : "", member ? member : "");
    (void)vsnprintf(fault->detail, sizeof(fault->detail), detail_format, arguments);
    va_end(arguments);
    replace_broken_characters(fault->pointer);
    replace_broken_characters(fault->detail);
    return error;
}
