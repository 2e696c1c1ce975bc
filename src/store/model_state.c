/* The states of a model version, by name, and its figures while they are unknown. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "store.h"

static const char *const names[] = {
    [FD_MODEL_STORED] = "stored",
    [FD_MODEL_ACTIVE] = "active",
    [FD_MODEL_REJECTED] = "rejected",
};

const char *fd_model_state_name(fd_model_state state) {
    assert((size_t)state < FD_LENGTH(names));
    return names[state];
}

int fd_model_state_parse(const char *name, fd_model_state *ret) {
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (fd_model_state)i;
            return 0;
        }
    }
    return -EINVAL;
}

void fd_unseen_figures_clear(fd_unseen_figures *figures) {
    double *numbers = (double *)figures;
    for (size_t i = 0; i < sizeof(*figures) / sizeof(*numbers); i++)
        numbers[i] = NAN;
}
