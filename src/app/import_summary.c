/* Prints progress, counts, refusals and warnings of an import. */
#include "import_summary.h"

#include <stdio.h>
#include <unistd.h>

#include "clock.h"

static const char erase_line[] = "\r\033[K";

void fd_import_show_progress(const char *name, int64_t at, int64_t size, int64_t begin_ms) {
    if (!isatty(STDERR_FILENO))
        return;
    double seconds = (double)(fd_wall_milliseconds() - begin_ms) / 1000;
    double share = size > 0 ? (double)at / (double)size : 0;
    if (share > 0)
        (void)fprintf(stderr, "%s%s: %.0f %%, %.0f seconds left", erase_line, name, 100 * share,
                      seconds * (1 - share) / share);
    else
        (void)fprintf(stderr, "%s%s: %.1f MB", erase_line, name, (double)at / 1e6);
}

void fd_import_print_format(const char *name, const char *format) {
    (void)fprintf(stderr, "%s%s: %s\n", isatty(STDERR_FILENO) ? erase_line : "", name,
                  format ? format : "no rows");
}

static const char *file_of(const fd_import_arguments *arguments, size_t file) {
    return file < arguments->n_files ? arguments->files[file] : "";
}

static void print_reason(const fd_report_reason *reason, const fd_import_arguments *arguments) {
    size_t listed = reason->count < FD_REPORT_FIRST ? reason->count : FD_REPORT_FIRST;
    (void)fprintf(stderr, "refused %zu: %s%s%s; line", reason->count, reason->pointer,
                  reason->pointer[0] != '\0' ? " " : "", reason->reason);
    for (size_t i = 0; i < listed; i++) {
        (void)fprintf(stderr, "%s %zu", i > 0 ? "," : "", reason->lines[i]);
        if (arguments->n_files > 1 && (i + 1 == listed || reason->files[i + 1] != reason->files[i]))
            (void)fprintf(stderr, " of %s", file_of(arguments, reason->files[i]));
    }
    (void)fprintf(stderr, "%s\n", reason->count > listed ? ", …" : "");
}

static void print_warning(void *context, const char *warning) {
    (void)context;
    (void)fprintf(stderr, "warning: %s\n", warning);
}

void fd_import_print_report(const fd_import_report *report, const fd_import_arguments *arguments,
                            size_t unused) {
    for (size_t i = 0; i < report->n_reasons; i++)
        print_reason(&report->reasons[i], arguments);
    if (report->others > 0)
        (void)fprintf(stderr, "refused %zu for other reasons\n", report->others);
    fd_import_report_warn(report, print_warning, NULL);
    if (unused > 0)
        (void)fprintf(stderr, "warning: %zu embeddings are of no item in these files\n", unused);
    printf("%zu items %s, %zu were there already; %zu labels %s, %zu were there already; %zu rows "
           "refused\n",
           report->items.created, arguments->is_dry ? "would be imported" : "imported",
           report->items.unchanged, report->labels.created,
           arguments->is_dry ? "would be imported" : "imported", report->labels.unchanged,
           report->refused);
}
