/* Takes files and maps out of the arguments of an import. */
#include "import_arguments.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "option_table.h"

void fd_import_arguments_clear(fd_import_arguments *arguments) {
    free(arguments->files);
    free(arguments->map);
    *arguments = (fd_import_arguments){0};
}

static int add_map(fd_import_arguments *arguments, const char *map) {
    char *all;
    if (asprintf(&all, "%s%s%s", arguments->map, arguments->map[0] != '\0' ? "," : "", map) < 0)
        return -ENOMEM;
    free(arguments->map);
    arguments->map = all;
    return 0;
}

static bool is_option(const char *argument) {
    return strncmp(argument, "--", 2) == 0 && argument[2] != '\0';
}

/* Every option that is left by now has a value, with "=" or as the next argument. */
static int take(int *argc, char **argv, fd_import_arguments *ret, fd_fault *fault) {
    static const char map[] = "--map";
    int left = 0, r = 0;
    for (int i = 0; i < *argc && r == 0; i++) {
        bool has_value = i + 1 < *argc;
        if (!is_option(argv[i])) {
            ret->files[ret->n_files++] = argv[i];
        } else if (strcmp(argv[i], map) == 0 && !has_value) {
            r = fd_fault_set(fault, -EINVAL, "", "--map needs a value such as response=completion");
        } else if (strcmp(argv[i], map) == 0) {
            r = add_map(ret, argv[++i]);
        } else if (strncmp(argv[i], "--map=", sizeof(map)) == 0) {
            r = add_map(ret, argv[i] + sizeof(map));
        } else {
            bool is_apart = !strchr(argv[i], '=') && has_value;
            argv[left++] = argv[i];
            if (is_apart)
                argv[left++] = argv[++i];
        }
    }
    *argc = left;
    return r;
}

int fd_import_arguments_take(int *argc, char **argv, fd_import_arguments *ret, fd_fault *fault) {
    *ret = (fd_import_arguments){.files = calloc((size_t)*argc + 1, sizeof(*ret->files)),
                                 .map = strdup("")};
    if (!ret->files || !ret->map)
        return -ENOMEM;
    ret->is_dry = fd_option_take_switch("--dry-run", argc, argv);
    return take(argc, argv, ret, fault);
}
