/* Parses lists, names and counts in the flags of `fisherd simulate`. */
#include "flag_values.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void fd_flag_list_clear(fd_flag_list *list) {
    free(list->text);
    free(list->entries);
}

int fd_flag_list_split(const char *flag, const char *text, fd_flag_list *ret, fd_fault *fault) {
    ret->text = strdup(text);
    ret->entries = calloc(strlen(text) + 1, sizeof(*ret->entries));
    if (!ret->text || !ret->entries)
        return -ENOMEM;
    char *rest = ret->text;
    for (char *entry; (entry = strsep(&rest, ","));) {
        if (*entry == '\0')
            return fd_fault_set(fault, -EINVAL, "", "--%s is a list like a,b; an entry is empty",
                                flag);
        ret->entries[ret->count++] = entry;
    }
    return 0;
}

int fd_flag_find_name(const char *flag, const char *text, const char *const *names, size_t *ret,
                      fd_fault *fault) {
    char all[128] = "";
    for (size_t i = 0; names[i]; i++) {
        size_t used = strlen(all);
        if (strcmp(text, names[i]) == 0) {
            *ret = i;
            return 0;
        }
        (void)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return fd_fault_set(fault, -EINVAL, "", "--%s takes %s, not \"%.60s\"", flag, all, text);
}

int fd_flag_read_count(const char *flag, const char *text, uint64_t highest, uint64_t *ret,
                       fd_fault *fault) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
    if (!end || *end != '\0' || errno != 0 || value < 1 || value > highest)
        return fd_fault_set(fault, -EINVAL, "", "--%s takes whole numbers of 1 to %llu, not \"%s\"",
                            flag, (unsigned long long)highest, text);
    *ret = value;
    return 0;
}
