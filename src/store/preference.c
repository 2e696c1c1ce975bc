#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store.h"

static const char *const names[] = {
    [FD_PREFER_A] = "a",
    [FD_PREFER_B] = "b",
    [FD_PREFER_TIE] = "tie",
    [FD_PREFER_SKIP] = "skip",
    [FD_PREFER_RETRACTED] = "retracted",
};

const char *fd_preference_name(fd_preference preference) {
    assert((size_t)preference < FD_LENGTH(names));
    return names[preference];
}

int fd_preference_parse(const char *name, fd_preference *ret) {
    for (fd_preference preference = FD_PREFER_A; preference < FD_PREFER_RETRACTED; preference++) {
        if (strcmp(name, names[preference]) == 0) {
            *ret = preference;
            return 0;
        }
    }
    return -EINVAL;
}
