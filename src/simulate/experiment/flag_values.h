/* Values of flags that simulate_options.def keeps as text: names, counts and lists of them. */
#ifndef FD_FLAG_VALUES_H
#define FD_FLAG_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"

/* "a,b,c" */
typedef struct fd_flag_list {
    char *text; /* the entries, each ended by a NUL */
    size_t count;
    char **entries; /* [count] */
} fd_flag_list;

/* -EINVAL with a fault for an empty entry; -ENOMEM. The caller clears *ret in any case. */
int fd_flag_list_split(const char *flag, const char *text, fd_flag_list *ret,
                       fd_fault *fault) FD_MUST_CHECK;
void fd_flag_list_clear(fd_flag_list *list);

/* The index of a name in `names`, which ends with NULL. -EINVAL with a fault that lists them. */
int fd_flag_find_name(const char *flag, const char *text, const char *const *names, size_t *ret,
                      fd_fault *fault) FD_MUST_CHECK;

/* A whole number of 1 to `highest`. -EINVAL with a fault. */
int fd_flag_read_count(const char *flag, const char *text, uint64_t highest, uint64_t *ret,
                       fd_fault *fault) FD_MUST_CHECK;

#endif
