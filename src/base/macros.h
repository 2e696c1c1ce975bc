/* Attributes for results that must be checked, cleanup at the end of a scope, array length. */
#ifndef FD_MACROS_H
#define FD_MACROS_H

#include <stdlib.h>

/* For functions that return 0 or -errno: the compiler warns if a caller ignores the result. */
#define FD_MUST_CHECK __attribute__((warn_unused_result))

/* `FD_CLEANUP(fi_model_freep) fi_model *model = NULL;` frees the model when it leaves the scope. */
#define FD_CLEANUP(function) __attribute__((cleanup(function)))

/* Takes the pointer out of a variable with a cleanup, to return it to the caller. */
#define FD_STEAL(pointer)                                                                          \
    __extension__({                                                                                \
        __typeof__(pointer) stolen_ = (pointer);                                                   \
        (pointer) = NULL;                                                                          \
        stolen_;                                                                                   \
    })

/* Defines `void function##p(type **)` for FD_CLEANUP, which calls `void function(type *)`. */
#define FD_DEFINE_CLEANUP(type, function)                                                          \
    static inline void function##p(type **pointer) {                                               \
        if (*pointer)                                                                              \
            function(*pointer);                                                                    \
    }

static inline void fd_freep(void *pointer) {
    free(*(void **)pointer);
}

/* `FD_FREE char *text = NULL;` frees the text when it leaves the scope. */
#define FD_FREE FD_CLEANUP(fd_freep)

#define FD_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
