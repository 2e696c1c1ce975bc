/* The file that gets a row per round. */
#ifndef FD_RESULTS_CSV_H
#define FD_RESULTS_CSV_H

#include "experiment_run.h"

typedef enum fd_column {
#define COLUMN(constant, name) FD_COLUMN_##constant,
#include "columns.def"
#undef COLUMN
    FD_COLUMN_COUNT
} fd_column;

typedef struct fd_results_row {
    char *line;        /* as it stands in the file */
    size_t key_length; /* of the line's part that tells the run, to the seed */
    char *text;        /* of the fields */
    const char *fields[FD_COLUMN_COUNT];
} fd_results_row;

typedef struct fd_results {
    size_t count, capacity;
    fd_results_row *rows; /* runs one after another, each by its rounds; complete ones alone */
    size_t dropped;       /* rows of runs that are not complete */
} fd_results;

/* -ENOENT and the like if it cannot be opened, -EINVAL if it is no such file; with a fault. A last
 * line that was cut off counts as dropped. */
int fd_results_read(const char *path, fd_results *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_results_clear(fd_results *csv);

bool fd_results_same_run(const fd_results_row *a, const fd_results_row *b);

/* Replaces the file by these rows, all at once. */
int fd_results_rewrite(const char *path, const fd_results *csv, fd_fault *fault) FD_MUST_CHECK;

/* The part of a line that tells the run; the caller frees it. */
int fd_results_key(const fd_plan *plan, const fd_testbed *data, const fd_run *run,
                   char **ret) FD_MUST_CHECK;
bool fd_results_has(const fd_results *csv, const char *key);

void fd_results_print_header(FILE *out);
void fd_results_print_round(FILE *out, const char *key, const fd_round *round);

#endif
