#include "fault.h"

#include <stdio.h>

/* The length of the UTF-8 sequence at `text`, or 0 if there is none. Overlong forms and surrogates
 * cannot come: they were refused where the text came in, and cutting does not make them. */
static size_t sequence_length(const char *text) {
    unsigned char lead = (unsigned char)text[0];
    size_t length = lead < 0x80       ? 1
                    : lead >> 5 == 6  ? 2
                    : lead >> 4 == 14 ? 3
                    : lead >> 3 == 30 ? 4
                                      : 0;
    for (size_t i = 1; i < length; i++)
        if ((unsigned char)text[i] >> 6 != 2)
            return 0;
    return length;
}

/* Texts are cut to fit, and a cut may go through a character: what is left of it becomes '?'. */
static void mend(char *text) {
    while (*text) {
        size_t length = sequence_length(text);
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
    mend(fault->pointer);
    mend(fault->detail);
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
    mend(fault->pointer);
    mend(fault->detail);
    return error;
}
