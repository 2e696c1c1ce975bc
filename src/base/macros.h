#ifndef FD_MACROS_H
#define FD_MACROS_H

#include <stdlib.h>

/* A function that returns 0 or -errno carries this, so that no failure is dropped unseen. */
#define FD_MUST_CHECK __attribute__((warn_unused_result))

/* `FD_CLEANUP(fi_model_freep) fi_model *model = NULL;` frees the model when it leaves the scope. */
#define FD_CLEANUP(function) __attribute__((cleanup(function)))

/* Takes a pointer out of a variable that would be cleaned up, to hand it to the caller. */
#define FD_STEAL(pointer)                                                                          \
    __extension__({                                                                                \
        __typeof__(pointer) stolen_ = (pointer);                                                   \
        (pointer) = NULL;                                                                          \
        stolen_;                                                                                   \
    })

/* Defines `void function ## p(type **)` for FD_CLEANUP out of `void function(type *)`. */
#define FD_DEFINE_CLEANUP(type, function)                                                          \
    static inline void function##p(type **pointer) {                                               \
        if (*pointer)                                                                              \
            function(*pointer);                                                                    \
    }

static inline void fd_freep(void *pointer) {
    free(*(void **)pointer);
}

/* Memory from malloc that leaves with the scope. */
#define FD_FREE FD_CLEANUP(fd_freep)

#define FD_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
