/* Counts what an import does, and notes what is refused or looks wrong. */
#include "import_outcome.h"

#include "json_write.h"

/* Most items of a row, and bytes of a prompt that the report knows. */
enum { ITEMS_OF_A_ROW = 256, PROMPT_BYTES = 16 };

void fd_import_outcome_clear(fd_import_outcome *outcome) {
    fd_import_report_clear(&outcome->report);
}

size_t fd_import_outcome_growth(const fd_import_outcome *outcome) {
    const fd_import_report *report = &outcome->report;
    bool may_grow = 2 * (report->n_prompts + ITEMS_OF_A_ROW) >= report->room;
    return may_grow ? 2 * (report->room + ITEMS_OF_A_ROW) * PROMPT_BYTES : 0;
}

int fd_import_outcome_note(fd_import_outcome *outcome, const fd_imported_row *row) {
    int r = 0;
    outcome->report.rows++;
    for (size_t i = 0; i < row->n_items && r == 0; i++)
        r = fd_import_report_note(&outcome->report, &row->items[i]);
    return r;
}

void fd_import_outcome_refuse(fd_import_outcome *outcome, size_t line, const char *pointer,
                              const char *reason) {
    outcome->report.refused++;
    if (outcome->n_errors == FD_IMPORT_ERRORS_MAX)
        return;
    fd_import_error *error = &outcome->errors[outcome->n_errors++];
    error->line = line;
    (void)fd_fault_set(&error->fault, 0, pointer, "%s", reason);
}

/* ---- the response ---- */

static void add_warning(void *context, const char *warning) {
    (void)json_array_append_new(context, json_string(warning));
}

static json_t *warnings_of(const fd_import_outcome *outcome) {
    json_t *list = json_array();
    if (list)
        fd_import_report_warn(&outcome->report, add_warning, list);
    return list;
}

static json_t *errors_of(const fd_import_outcome *outcome) {
    json_t *list = json_array();
    for (size_t i = 0; i < outcome->n_errors; i++) {
        const fd_import_error *error = &outcome->errors[i];
        json_t *written = json_pack("{s:I, s:s, s:s}", "line", (json_int_t)error->line, "pointer",
                                    error->fault.pointer, "detail", error->fault.detail);
        if (json_array_append_new(list, written) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *fd_import_outcome_json(const fd_import_outcome *outcome, const char *format,
                               bool is_dry_run) {
    return json_pack("{s:s?, s:b, s:{s:I, s:I, s:I}, s:{s:I, s:I, s:I}, s:o, s:o}", "format",
                     format, "dry_run", is_dry_run, "items", "created",
                     (json_int_t)outcome->created, "unchanged", (json_int_t)outcome->unchanged,
                     "refused", (json_int_t)outcome->items_refused, "labels", "accepted",
                     (json_int_t)outcome->accepted, "duplicates", (json_int_t)outcome->duplicates,
                     "refused", (json_int_t)outcome->labels_refused, "warnings",
                     warnings_of(outcome), "errors", errors_of(outcome));
}
