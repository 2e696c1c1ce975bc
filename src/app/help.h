/* What --help prints. */
#ifndef FD_HELP_H
#define FD_HELP_H

#include <stddef.h>
#include <stdio.h>

/* A row of commands.def. */
typedef struct fd_command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *forms;  /* the ways to call it, a line each */
    const char *help;   /* what it does */
    const char *groups; /* of options.def, those that it heeds; NULL: all */
} fd_command;

/* All commands [n] and all options. */
void fd_help_print(const fd_command *commands, size_t n, FILE *out);

/* How to call one command, its flags, its formats and the options that it heeds. */
void fd_help_print_command(const fd_command *command, FILE *out);

#endif
