#include "fault.h"

#include <stdio.h>

int fd_fault_set(fd_fault *fault, int error, const char *pointer, const char *detail_format, ...) {
    va_list arguments;
    va_start(arguments, detail_format);
    (void)snprintf(fault->pointer, sizeof(fault->pointer), "%s", pointer);
    (void)vsnprintf(fault->detail, sizeof(fault->detail), detail_format, arguments);
    va_end(arguments);
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
    return error;
}
