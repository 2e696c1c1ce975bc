/* The options of options.def: from a configuration file, the environment and the command line. */
#ifndef FD_OPTIONS_H
#define FD_OPTIONS_H

#include "option_table.h"

typedef struct fd_options {
#define OPTION(kind, member, ...) FD_OPTION_TYPE_##kind member;
#include "options.def"
#undef OPTION
} fd_options;

extern const fd_option_table fd_options_table;

/*
 * Defaults, then the file that --config or FISHERD_CONFIG names, then the environment, then flags
 * ("--name value" or "--name=value"); each overrides the one before it. -EINVAL with a fault for a
 * value out of its bounds, for any other argument, and for a file as option_file.h says.
 */
int fd_options_read(int argc, char **argv, fd_options *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_options_clear(fd_options *options);

/* "name=value;…" of all options except those in `without`, a list that ends with NULL. The caller
 * frees it. */
int fd_options_describe(const fd_options *options, const char *const *without,
                        char **ret) FD_MUST_CHECK;

/* Calls `visit` with the name of each option in which the two differ; where it returns true, they
 * swap their values. */
void fd_options_compare(fd_options *one, fd_options *other,
                        bool (*visit)(void *context, const char *name), void *context);

/* Prints the options of some groups of options.def, "database embedding", with their defaults;
 * NULL: of all. */
void fd_options_print_help(const char *groups, FILE *out);

#endif
