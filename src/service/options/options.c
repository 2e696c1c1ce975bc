/* Reads the options of options.def from a file, the environment and the command line. */
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "option_file.h"
#include "options_check.h"

static const fd_option_row rows[] = {
#define OPTION(kind, member, ...) {FD_OPTION_##kind, offsetof(fd_options, member), __VA_ARGS__},
#include "options.def"
#undef OPTION
};

const fd_option_table fd_options_table = {rows, FD_LENGTH(rows)};

/* ---- environment and flags ---- */

static int read_environment(fd_options *options, fd_fault *fault) {
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        char name[64] = "FISHERD_";
        size_t length = strlen(name);
        for (const char *from = rows[i].name; *from; from++)
            name[length++] = (char)(*from == '-' ? '_' : toupper((unsigned char)*from));
        const char *value = getenv(name);
        if (!value)
            continue;
        int r = fd_option_set(&rows[i], options, value, name, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_flags(int argc, char **argv, fd_options *options, fd_fault *fault) {
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            return fd_fault_set(fault, -EINVAL, "", "\"%s\" is not expected here", argv[i]);
        const fd_option_row *row =
            fd_option_find(&fd_options_table, argv[i] + 2, strcspn(argv[i] + 2, "="));
        if (!row)
            return fd_fault_set(fault, -EINVAL, "", "there is no option \"%s\"", argv[i]);
        int r = fd_option_read_flag(row, argc, argv, &i, options, fault);
        if (r == 0 && strcmp(row->name, "config") == 0 && options->config[0] == '\0')
            r = fd_fault_set(fault, -EINVAL, "", "--config needs the name of a file");
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the file ---- */

static int check_line(const fd_option_row *row, const void *members, fd_fault *fault) {
    if (strcmp(row->name, "config") == 0)
        return fd_fault_set(fault, -EINVAL, "", "a file cannot name another one by config");
    return fd_options_check_one(row, members, fault);
}

/* ---- all sources ---- */

int fd_options_read(int argc, char **argv, fd_options *ret, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(fd_options_clear) fd_options naming_file = {0};

    /* The environment and the flags override the file, and either may name it: they are read twice.
     */
    int r = fd_option_set_defaults(&fd_options_table, &naming_file, fault);
    if (r == 0)
        r = read_environment(&naming_file, fault);
    if (r == 0)
        r = read_flags(argc, argv, &naming_file, fault);
    if (r == 0)
        r = fd_option_set_defaults(&fd_options_table, &options, fault);
    if (r == 0 && naming_file.config[0] != '\0')
        r = fd_option_file_read(&fd_options_table, naming_file.config, check_line, &options, fault);
    if (r == 0)
        r = read_environment(&options, fault);
    if (r == 0)
        r = read_flags(argc, argv, &options, fault);
    if (r < 0)
        return r;
    *ret = options;
    memset(&options, 0, sizeof(options));
    return 0;
}

void fd_options_clear(fd_options *options) {
    fd_option_table_clear(&fd_options_table, options);
    memset(options, 0, sizeof(*options));
}

/* ---- what was read ---- */

static bool is_in(const char *name, const char *const *list) {
    while (*list && strcmp(*list, name) != 0)
        list++;
    return *list != NULL;
}

int fd_options_describe(const fd_options *options, const char *const *without, char **ret) {
    size_t size;
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        if (is_in(rows[i].name, without))
            continue;
        (void)fprintf(out, "%s%s=", ftello(out) > 0 ? ";" : "", rows[i].name);
        fd_option_print(&rows[i], options, out);
    }
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

void fd_options_compare(fd_options *one, fd_options *other,
                        bool (*visit)(void *context, const char *name), void *context) {
    for (size_t i = 0; i < FD_LENGTH(rows); i++)
        if (!fd_option_is_same(&rows[i], one, other) && visit(context, rows[i].name))
            fd_option_swap(&rows[i], one, other);
}
