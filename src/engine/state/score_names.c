/* Finds and adds names of scores. */
#include "score_names.h"

#include <errno.h>
#include <string.h>

int fd_score_names_find(const fd_score_names *names, size_t count, const char *name,
                        uint32_t *ret) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names->list[i], name) == 0) {
            *ret = (uint32_t)i;
            return 0;
        }
    return -ENOENT;
}

int fd_score_names_take(fd_score_names *names, size_t *count, const char *name, uint32_t *ret) {
    char why[FD_RULE_SIZE];
    size_t length = strlen(name);
    if (fd_score_names_find(names, *count, name, ret) == 0)
        return 0;
    int r = fd_score_name_rule(name, length, why);
    if (r < 0)
        return r;
    if (*count == FD_SCORE_NAMES_MAX)
        return -ENOSPC;
    memcpy(names->list[*count], name, length + 1);
    *ret = (uint32_t)(*count)++;
    return 0;
}
