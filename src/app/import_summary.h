/* What an import prints: its progress, and what became of it. */
#ifndef FD_IMPORT_SUMMARY_H
#define FD_IMPORT_SUMMARY_H

#include <stdint.h>

#include "import_arguments.h"
#include "import_report.h"

/* Shows on a terminal how much of a file is read, and the time that is left; size -1: unknown. */
void fd_import_show_progress(const char *name, int64_t at, int64_t size, int64_t begin_ms);

/* Says in which format a file was; NULL: it had no rows. */
void fd_import_print_format(const char *name, const char *format);

/* Prints the counts on standard output; refusals and warnings on standard error. `unused` counts
 * embeddings of no item. */
void fd_import_print_report(const fd_import_report *report, const fd_import_arguments *arguments,
                            size_t unused);

#endif
