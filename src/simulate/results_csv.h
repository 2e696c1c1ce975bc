/* The file that gets a row per round. */
#ifndef FD_CSV_H
#define FD_CSV_H

#include "experiment_run.h"

typedef enum fd_column {
#define COLUMN(constant, name) FD_COLUMN_##constant,
#include "columns.def"
#undef COLUMN
    FD_COLUMN_COUNT
} fd_column;

typedef struct fd_csv_row {
    char *line;        /* as it stands in the file */
    size_t key_length; /* of the line's part that tells the run, to the seed */
    char *text;        /* of the fields */
    const char *fields[FD_COLUMN_COUNT];
} fd_csv_row;

typedef struct fd_csv {
    size_t count, capacity;
    fd_csv_row *rows; /* runs one after another, each by its rounds; complete ones alone */
    size_t dropped;   /* rows of runs that are not complete */
} fd_csv;

/* -ENOENT and the like if it cannot be opened, -EINVAL if it is no such file; with a fault. A last
 * line that was cut off counts as dropped. */
int fd_csv_read(const char *path, fd_csv *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_csv_clear(fd_csv *csv);

bool fd_csv_same_run(const fd_csv_row *a, const fd_csv_row *b);

/* Replaces the file by these rows, all at once. */
int fd_csv_rewrite(const char *path, const fd_csv *csv, fd_fault *fault) FD_MUST_CHECK;

/* The part of a line that tells the run; the caller frees it. */
int fd_csv_key(const fd_plan *plan, const fd_data *data, const fd_run *run,
               char **ret) FD_MUST_CHECK;
bool fd_csv_has(const fd_csv *csv, const char *key);

void fd_csv_print_header(FILE *out);
void fd_csv_print_round(FILE *out, const char *key, const fd_round *round);

#endif
