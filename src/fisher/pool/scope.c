/* The names of the scopes. */
#include <errno.h>
#include <fisher/pool.h>
#include <string.h>

const char *const fi_scope_names[] = {
    [FI_SCOPE_WITHIN] = "in_prompt",
    [FI_SCOPE_ACROSS] = "cross_prompt",
    [FI_SCOPE_ANY] = "any",
    NULL,
};

int fi_scope_parse(const char *name, fi_scope *ret) {
    for (size_t i = 0; fi_scope_names[i]; i++) {
        if (strcmp(name, fi_scope_names[i]) == 0) {
            *ret = (fi_scope)i;
            return 0;
        }
    }
    return -EINVAL;
}
