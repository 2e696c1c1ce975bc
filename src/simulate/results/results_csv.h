/* The CSV file of the results: a row for each round of each run. */
#ifndef FD_RESULTS_CSV_H
#define FD_RESULTS_CSV_H

#include <stdio.h>

#include "experiment_run.h"

typedef enum fd_column {
#define COLUMN(constant, name) FD_COLUMN_##constant,
#include "columns.def"
#undef COLUMN
    FD_COLUMN_COUNT
} fd_column;

typedef struct fd_results_row {
    char *line;        /* as in the file */
    size_t key_length; /* length of the key, the columns up to the seed, which identify the run */
    char *text;        /* owns the fields */
    const char *fields[FD_COLUMN_COUNT];
} fd_results_row;

/* The complete runs of a file: run by run, each in the order of its rounds. */
typedef struct fd_results {
    size_t count, capacity;
    fd_results_row *rows; /* [count] */
    size_t dropped;       /* rows of incomplete runs */
} fd_results;

/* Reads files, whose names commas separate. -ENOENT and the like if one cannot be opened, -EINVAL
 * if it has other columns; with a fault. An incomplete last line counts as dropped. */
int fd_results_read(const char *paths, fd_results *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_results_clear(fd_results *results);

bool fd_results_same_run(const fd_results_row *a, const fd_results_row *b);

/* Replaces the file by these rows, in one step. */
int fd_results_rewrite(const char *path, const fd_results *results, fd_fault *fault) FD_MUST_CHECK;

/* The key of a run, the part of its lines that identifies it; the caller frees it. -ENOMEM. */
int fd_results_key(const fd_plan *plan, const fd_experiment_sets *sets, const fd_run *run,
                   char **ret) FD_MUST_CHECK;
bool fd_results_has(const fd_results *results, const char *key);

void fd_results_print_header(FILE *out);
void fd_results_print_round(FILE *out, const char *key, const fd_round *round);

#endif
