/* The names of preferences, as the store and the API write them. */
#include <errno.h>
#include <string.h>

#include "store.h"

const char *const fd_preference_names[] = {
    [FD_PREFER_A] = "a",
    [FD_PREFER_B] = "b",
    [FD_PREFER_TIE] = "tie",
    [FD_PREFER_SKIP] = "skip",
    NULL,
};

const char *fd_preference_name(fd_preference preference) {
    return preference == FD_PREFER_RETRACTED ? "retracted" : fd_preference_names[preference];
}

int fd_preference_parse(const char *name, fd_preference *ret) {
    for (size_t i = 0; fd_preference_names[i]; i++) {
        if (strcmp(name, fd_preference_names[i]) == 0) {
            *ret = (fd_preference)i;
            return 0;
        }
    }
    return -EINVAL;
}
