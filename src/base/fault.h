/* The place and the cause of wrong input, for the person or program that sent it. */
#ifndef FD_FAULT_H
#define FD_FAULT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * A function that takes a `fd_fault *` fills it when the input is wrong: -EINVAL, -ENOENT, -EEXIST,
 * and others that its header names. It leaves the fault empty for failures of our own, such as
 * -ENOMEM.
 *
 * The pointer is an RFC 6901 JSON pointer into the request body, such as "/pairs/3/a"; an empty one
 * means the whole body. The detail is a sentence without a full stop.
 */
typedef struct fd_fault {
    char pointer[160];
    char detail[320];
} fd_fault;

/* Fills a fault, cuts what does not fit, and returns `error`, for
 * `return fd_fault_set(fault, -EINVAL, …);`. */
int fd_fault_set(fd_fault *fault, int error, const char *pointer, const char *detail_format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for an element of a list: the pointer is "/list/index" or "/list/index/member". */
int fd_fault_set_at(fd_fault *fault, int error, const char *list, size_t index, const char *member,
                    const char *detail_format, ...) __attribute__((format(printf, 6, 7)));

#endif
