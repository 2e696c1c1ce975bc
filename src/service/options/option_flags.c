/* Reads the options of a table from a command line. */
#include <errno.h>
#include <string.h>

#include "option_table.h"

int fd_option_read_flag(const fd_option_row *row, int argc, char **argv, int *i, void *members,
                        fd_fault *fault) {
    const char *sign = strchr(argv[*i], '=');
    const char *value = sign ? sign + 1 : NULL;
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return fd_fault_set(fault, -EINVAL, "", "--%s needs a value", row->name);
    return fd_option_set(row, members, value, "command line", fault);
}

int fd_option_table_take(const fd_option_table *table, int *argc, char **argv, void *members,
                         fd_fault *fault) {
    int kept = 0;
    int r = fd_option_set_defaults(table, members, fault);
    for (int i = 0; i < *argc && r == 0; i++) {
        const fd_option_row *row = NULL;
        if (strncmp(argv[i], "--", 2) == 0)
            row = fd_option_find(table, argv[i] + 2, strcspn(argv[i] + 2, "="));
        if (row)
            r = fd_option_read_flag(row, *argc, argv, &i, members, fault);
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return r;
}

bool fd_option_take_switch(const char *flag, int *argc, char **argv) {
    int kept = 0;
    for (int i = 0; i < *argc; i++)
        if (strcmp(argv[i], flag) != 0)
            argv[kept++] = argv[i];
    bool found = kept < *argc;
    *argc = kept;
    return found;
}
