/* What an import has done so far, as the response of POST /v1/import tells it. */
#ifndef FD_IMPORT_OUTCOME_H
#define FD_IMPORT_OUTCOME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "import_parser.h"

enum { FD_IMPORT_ERRORS_MAX = 10, FD_IMPORT_PROMPTS_COMPARED = 100 };

typedef struct fd_import_error {
    size_t line;
    fd_fault fault; /* the pointer is into the row */
} fd_import_error;

/* Starts as all zero. */
typedef struct fd_import_outcome {
    size_t created, unchanged, items_refused;
    size_t accepted, duplicates, labels_refused;
    size_t rows;     /* with the refused ones */
    size_t n_errors; /* of the list: the first ones */
    fd_import_error errors[FD_IMPORT_ERRORS_MAX];

    /* For the warnings. */
    size_t items, responses;
    bool has_embedding, has_other_embedding;
    uint64_t embedding;                           /* hash of the first one */
    uint64_t prompts[FD_IMPORT_PROMPTS_COMPARED]; /* hashes of the ids of the first items */
    bool has_prompt_twice;
} fd_import_outcome;

/* Counts a row that was read, for the warnings. */
void fd_import_outcome_row(fd_import_outcome *outcome, const fd_imported_row *row);

/* Notes why a row, an item or a label is refused. `pointer` is into the row. */
void fd_import_outcome_refusal(fd_import_outcome *outcome, size_t line, const char *pointer,
                               const char *reason);

/* The response; NULL without memory. `format` may be NULL. */
json_t *fd_import_outcome_json(const fd_import_outcome *outcome, const char *format,
                               bool is_dry_run);

#endif
