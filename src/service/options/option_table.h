/*
 * A table of options: one row for each option, with its name, its default and its bounds, and the
 * place of its member in a struct. options.def is the daemon's; commands have small ones of their
 * own.
 */
#ifndef FD_OPTION_TABLE_H
#define FD_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fault.h"
#include "macros.h"

/* The type of a member, by the kind of its row. */
#define FD_OPTION_TYPE_TEXT char *
#define FD_OPTION_TYPE_COUNT uint64_t
#define FD_OPTION_TYPE_REAL double
#define FD_OPTION_TYPE_CHOICE uint64_t /* an index into the row's argument, "first|second|…" */

typedef struct fd_option_row {
    enum { FD_OPTION_TEXT, FD_OPTION_COUNT, FD_OPTION_REAL, FD_OPTION_CHOICE } kind;
    size_t offset; /* of the member in its struct */
    const char *name;
    const char *standard; /* the default, as text */
    double lowest;
    double highest;
    const char *argument; /* what --help calls the value, or the choices */
    const char *help;
} fd_option_row;

typedef struct fd_option_table {
    const fd_option_row *rows; /* [n] */
    size_t n;
} fd_option_table;

/* NULL: the table has no option of this name, which need not end with a NUL. */
const fd_option_row *fd_option_find(const fd_option_table *table, const char *name, size_t length);

/* Sets the member of a row from text. -EINVAL with a fault that names `source`; -ENOMEM. */
int fd_option_set(const fd_option_row *row, void *members, const char *text, const char *source,
                  fd_fault *fault) FD_MUST_CHECK;

/* The members must be zeros or set before. */
int fd_option_set_defaults(const fd_option_table *table, void *members,
                           fd_fault *fault) FD_MUST_CHECK;

/* Frees the texts. */
void fd_option_table_clear(const fd_option_table *table, void *members);

/* Prints the value of a row's member, in the form that fd_option_set reads. */
void fd_option_print(const fd_option_row *row, const void *members, FILE *out);

bool fd_option_is_same(const fd_option_row *row, const void *members, const void *others);
void fd_option_swap(const fd_option_row *row, void *members, void *others);

/* Prints a line for each option whose name begins with the prefix, with its default. */
void fd_option_table_print_help(const fd_option_table *table, const char *prefix, FILE *out);

/* ---- flags ---- */

/* Reads the flag argv[*i], "--name value" or "--name=value", and leaves *i at its last argument. */
int fd_option_read_flag(const fd_option_row *row, int argc, char **argv, int *i, void *members,
                        fd_fault *fault) FD_MUST_CHECK;

/*
 * Sets the members to their defaults, takes the flags of this table out of the arguments, and
 * leaves the other arguments in their order. The members begin as zeros; fd_option_table_clear
 * frees them. -EINVAL with a fault.
 */
int fd_option_table_take(const fd_option_table *table, int *argc, char **argv, void *members,
                         fd_fault *fault) FD_MUST_CHECK;

/* Takes a flag without a value, such as "--resume", out of the arguments. Returns whether it was
 * there. */
bool fd_option_take_switch(const char *flag, int *argc, char **argv);

#endif
