/* What an import has done so far, as the response of POST /v1/import tells it. */
#ifndef FD_IMPORT_OUTCOME_H
#define FD_IMPORT_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "import_report.h"

enum { FD_IMPORT_ERRORS_MAX = 10 };

typedef struct fd_import_error {
    size_t line;
    fd_fault fault; /* the pointer is into the row */
} fd_import_error;

/* Starts as all zero. */
typedef struct fd_import_outcome {
    size_t created, unchanged, items_refused;
    size_t accepted, duplicates, labels_refused;
    size_t n_errors; /* of the list: the first ones */
    fd_import_error errors[FD_IMPORT_ERRORS_MAX];
    fd_import_report report; /* for the warnings */
} fd_import_outcome;

void fd_import_outcome_clear(fd_import_outcome *outcome);

/* Bytes that noting one more item may take; 0: none. */
size_t fd_import_outcome_growth(const fd_import_outcome *outcome);

/* Notes a row that was read, for the warnings. -ENOMEM. */
int fd_import_outcome_note(fd_import_outcome *outcome, const fd_imported_row *row) FD_MUST_CHECK;

/* Notes why a row, an item or a label is refused. `pointer` is into the row. */
void fd_import_outcome_refuse(fd_import_outcome *outcome, size_t line, const char *pointer,
                              const char *reason);

/* The response; NULL without memory. `format` may be NULL. */
json_t *fd_import_outcome_json(const fd_import_outcome *outcome, const char *format,
                               bool is_dry_run);

#endif
