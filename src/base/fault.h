#ifndef FD_FAULT_H
#define FD_FAULT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * What was wrong with input from outside, for the person who sent it.
 * A function that takes a `fd_fault *` fills it when it returns -EINVAL, -ENOENT or -EEXIST, and
 * leaves it empty on any other failure (those are ours, not the sender's). The pointer is an RFC
 * 6901 JSON pointer into the request body ("/pairs/3/a"), or empty when the whole is meant.
 */
typedef struct fd_fault {
    char pointer[160];
    char detail[320];
} fd_fault;

/* Fills a fault and returns `error`, so that `return fd_fault_set(fault, -EINVAL, …)` reads well.
 */
int fd_fault_set(fd_fault *fault, int error, const char *pointer, const char *detail_format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for an element of a list: the pointer is "/list/index" or "/list/index/member". */
int fd_fault_set_at(fd_fault *fault, int error, const char *list, size_t index, const char *member,
                    const char *detail_format, ...) __attribute__((format(printf, 6, 7)));

#endif
