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

/* The options of the engine and of the server that these name; views, nothing is copied. */
fd_engine_options fd_options_engine(const fd_options *options);

/* Splits HOST:PORT or [HOST]:PORT. */
int fd_options_split_listen(const char *listen, char *host, size_t size, uint16_t *ret_port,
                            fd_fault *fault) FD_MUST_CHECK;

#endif
