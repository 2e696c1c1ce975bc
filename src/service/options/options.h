/* The options of options.def: from a configuration file, the environment and the command line. */
#ifndef FD_OPTIONS_H
#define FD_OPTIONS_H

#include <stdio.h>

#include "engine.h"
#include "fault.h"
#include "macros.h"
#include "server.h"

#define FD_OPTION_TYPE_TEXT char *
#define FD_OPTION_TYPE_COUNT uint64_t
#define FD_OPTION_TYPE_REAL double
#define FD_OPTION_TYPE_CHOICE uint64_t /* the place in the row's argument, "first|second|…" */

/* One row of a table such as options.def; the kind tells the type of the member at the offset. */
typedef struct fd_option_row {
    enum { FD_OPTION_TEXT, FD_OPTION_COUNT, FD_OPTION_REAL, FD_OPTION_CHOICE } kind;
    size_t offset;
    const char *name;
    const char *standard;
    double lowest;
    double highest;
    const char *argument;
    const char *help;
} fd_option_row;

typedef struct fd_options {
#define OPTION(kind, member, ...) FD_OPTION_TYPE_##kind member;
#include "options.def"
#undef OPTION
} fd_options;

/*
 * Defaults, then the file that --config or FISHERD_CONFIG names, then the environment, then flags
 * ("--name value" or "--name=value"), each over the one before. Other arguments are not taken:
 * -EINVAL with a fault in words, as for any value out of its bounds.
 */
int fd_options_read(int argc, char **argv, fd_options *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_options_clear(fd_options *options);

/* One line an option, with its default. */
void fd_options_print_help(FILE *out);

/* "name=value;…" of all options but those named, a list that ends with NULL. The caller frees it.
 */
int fd_options_describe(const fd_options *options, const char *const *without,
                        char **ret) FD_MUST_CHECK;

/*
 * The same for the options of one command: sets the members to their defaults, takes the flags of
 * this table out of the arguments, and leaves the others in their order. The members, whose texts
 * fd_options_clear_in frees, begin as zeros.
 */
int fd_options_take(const fd_option_row *table, size_t n, int *argc, char **argv, void *members,
                    fd_fault *fault) FD_MUST_CHECK;
void fd_options_clear_in(const fd_option_row *table, size_t n, void *members);
void fd_options_print_help_in(const fd_option_row *table, size_t n, FILE *out);

/* The options of the engine and of the server that these name; views, nothing is copied. */
fd_engine_options fd_options_engine(const fd_options *options);

/* What no single option's bounds tell: -EINVAL with a fault. */
int fd_options_check(const fd_options *options, fd_fault *fault) FD_MUST_CHECK;

/* Calls `visit` with the name of each option in which the two differ; where it returns true, they
 * swap their values. */
void fd_options_compare(fd_options *one, fd_options *other,
                        bool (*visit)(void *context, const char *name), void *context);

/* Splits HOST:PORT or [HOST]:PORT. */
int fd_options_split_listen(const char *listen, char *host, size_t size, uint16_t *ret_port,
                            fd_fault *fault) FD_MUST_CHECK;

#endif
