/* The place and the cause of wrong input, for the person or program that sent it. */
#ifndef FD_FAULT_H
#define FD_FAULT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A response tells at most this number of faults. */
enum { FD_FAULTS_MAX = 20, FD_FAULT_POINTER_SIZE = 160, FD_FAULT_DETAIL_SIZE = 320 };

/* Faults after the first one. Only `n` must be set at first, to 0. */
typedef struct fd_more_faults {
    size_t n;
    struct {
        char pointer[FD_FAULT_POINTER_SIZE];
        char detail[FD_FAULT_DETAIL_SIZE];
    } list[FD_FAULTS_MAX - 1];
} fd_more_faults;

/*
 * A function that takes a `fd_fault *` fills it when the input is wrong: -EINVAL, -ENOENT, -EEXIST,
 * and others that its header names. It leaves the fault empty for failures of our own, such as
 * -ENOMEM.
 *
 * The pointer is an RFC 6901 JSON pointer into the request body, such as "/pairs/3/a"; an empty one
 * means the whole body. The detail is a sentence without a full stop. Starts as all zero.
 */
typedef struct fd_fault {
    char pointer[FD_FAULT_POINTER_SIZE];
    char detail[FD_FAULT_DETAIL_SIZE];
    fd_more_faults *more; /* takes each fault after the first; NULL: a new fault replaces it */
} fd_fault;

/* Fills a fault, cuts what does not fit, and returns `error`, for
 * `return fd_fault_set(fault, -EINVAL, …);`. */
int fd_fault_set(fd_fault *fault, int error, const char *pointer, const char *detail_format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for an element of a list: the pointer is "/list/index" or "/list/index/member". */
int fd_fault_set_at(fd_fault *fault, int error, const char *list, size_t index, const char *member,
                    const char *detail_format, ...) __attribute__((format(printf, 6, 7)));

/* For readers that go on after a fault, to tell all of them: keeps the first failure of several in
 * *first. True: stop now, since `r` is not about the input, or nobody collects more faults. */
bool fd_fault_stops(const fd_fault *fault, int r, int *first);

#endif
