/* What became of an import: counts, refusals by their reasons, and warnings about what is legal but
 * surely wrong. Pure, and of bounded memory. */
#ifndef FD_IMPORT_REPORT_H
#define FD_IMPORT_REPORT_H

#include "import_parser.h"

enum {
    FD_REPORT_REASONS = 64, /* kinds of refusals with a count of their own */
    FD_REPORT_FIRST = 10,   /* lines that are listed of each */
};

typedef struct fd_report_reason {
    char pointer[80]; /* with * for the places in lists */
    char reason[200]; /* of the first */
    size_t count;
    size_t files[FD_REPORT_FIRST]; /* the number of the file, from 0 */
    size_t lines[FD_REPORT_FIRST];
} fd_report_reason;

typedef struct fd_report_count {
    size_t created;
    size_t unchanged; /* were there already */
} fd_report_count;

typedef struct fd_import_report {
    size_t rows; /* that were not refused */
    size_t refused;
    fd_report_count items;
    fd_report_count labels;
    fd_report_reason reasons[FD_REPORT_REASONS];
    size_t n_reasons;
    size_t others; /* refusals of further reasons */
    /* for the warnings */
    struct fd_report_prompt *prompts; /* [room], open addressing by hash */
    size_t n_prompts, room, n_texts, n_without_response, n_embeddings, n_other_embeddings;
    uint64_t first_embedding;
    size_t differing; /* items whose prompt is not the text that its prompt_id had before */
    char example[80]; /* a prompt_id of one */
} fd_import_report;

void fd_import_report_clear(fd_import_report *report);

void fd_import_report_refuse(fd_import_report *report, size_t file,
                             const fd_import_refusal *refusal);

/* Notes an item of a row, for the warnings. -ENOMEM. */
int fd_import_report_note(fd_import_report *report, const fd_imported_item *item) FD_MUST_CHECK;

/* Calls `tell` with each warning, a sentence without a full stop. */
void fd_import_report_warn(const fd_import_report *report,
                           void (*tell)(void *context, const char *warning), void *context);

#endif
