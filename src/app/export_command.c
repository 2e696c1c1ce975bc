/* `fisherd export`: writes the labels of a database in a format of the field, also while a daemon
 * runs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "database_commands.h"
#include "export_card.h"
#include "export_format.h"
#include "export_output.h"
#include "labelled_pairs.h"
#include "report_error.h"
#include "store_open.h"
#include "time_text.h"

/* Labels of one reading: the log of a running daemon waits for its end. */
enum { AT_ONCE = 500 };

struct export_flags {
    char *to;
    char *format;
    char *annotator;
    char *arm;
    char *ties;
    char *include;
    char *texts;
    char *since;
    char *card;
    char *names;
};

#define FLAG(name, argument)                                                                       \
    { FD_OPTION_TEXT, offsetof(struct export_flags, name), #name, "", 0, 0, argument, "" }

static const fd_option_row flag_rows[] = {
    FLAG(to, "FILE"),    FLAG(format, "NAME"),   FLAG(annotator, "NAME"), FLAG(arm, "ARM"),
    FLAG(ties, "WHICH"), FLAG(include, "WHAT"),  FLAG(texts, "WHETHER"),  FLAG(since, "WHEN"),
    FLAG(card, "FILE"),  FLAG(names, "WHETHER"),
};
static const fd_option_table flag_table = {flag_rows, FD_LENGTH(flag_rows)};

static void clear_flags(struct export_flags *flags) {
    fd_option_table_clear(&flag_table, flags);
}

struct export {
    fd_store *store;
    fd_export_settings settings;
    fd_export_output output;
    fd_export_card card;
    bool has_names;
    int64_t moment;
    int64_t last; /* sequence of the last label that was read */
    size_t read;  /* labels of one reading */
    size_t outcomes[FD_EXPORT_OUTCOMES];
};

static void export_clear(struct export *export) {
    fd_store_close(export->store);
    fd_export_output_clear(&export->output);
    fd_export_card_clear(&export->card);
}

/* ---- arguments ---- */

static int read_settings(const struct export_flags *flags, fd_export_settings *ret,
                         fd_fault *fault) {
    const char *name;
    fd_fault wrong = {0};
    const fd_export_choices choices = {.format = flags->format,
                                       .annotator = flags->annotator,
                                       .arm = flags->arm,
                                       .ties = flags->ties,
                                       .include = flags->include,
                                       .texts = flags->texts};
    int r = fd_export_settings_read(&choices, ret, &name, &wrong);
    if (r < 0)
        return fd_fault_set(fault, r, "", "--%s %s", name, wrong.detail);
    if (flags->since[0] != '\0' && fd_time_parse(flags->since, &ret->since_ms) < 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "--since must be a time such as 2026-05-01T06:07:54Z");
    return 0;
}

/* Names of people are in the card only if they are asked for. */
static int read_names(const struct export_flags *flags, bool *ret, fd_fault *fault) {
    const char *text = flags->names;
    *ret = strcmp(text, "true") == 0;
    if (*ret && flags->card[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--names is for --card");
    if (*ret || text[0] == '\0' || strcmp(text, "false") == 0)
        return 0;
    return fd_fault_set(fault, -EINVAL, "", "--names must be true or false");
}

static int open_export(struct export *export, const fd_options *options,
                       const struct export_flags *flags, fd_fault *fault) {
    fd_counts counts;
    int r = read_settings(flags, &export->settings, fault);
    if (r == 0)
        r = read_names(flags, &export->has_names, fault);
    if (r == 0)
        r = fd_store_open_read_only(options->db, &export->store, fault);
    if (r == 0)
        r = export->store->operations->counts(export->store, &counts);
    if (r < 0)
        return r;
    export->moment = (int64_t)counts.label_rows;
    r = fd_export_output_open(&export->output, flags->to, fault);
    return r < 0 ? r : fd_export_card_open(&export->card, flags->card, fault);
}

/* ---- writing ---- */

static int visit_pair(void *context, const fd_labelled_pair *pair) {
    struct export *export = context;
    fd_export_outcome outcome;
    int r = fd_export_write(&export->settings, pair, &export->output.sink, &outcome);
    if (r == 0)
        r = fd_export_card_add(&export->card, &export->settings, pair);
    if (r < 0)
        return r;
    export->outcomes[outcome]++;
    export->last = pair->label.sequence;
    export->read++;
    return 0;
}

static void show_progress(const struct export *export) {
    if (isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r%lld of %lld revisions read", (long long)export->last,
                      (long long)export->moment);
}

static int write_labels(struct export *export) {
    int r = fd_export_write_head(&export->settings, &export->output.sink);
    do {
        const fd_labelled_pairs_query query = {.after = export->last,
                                               .moment = export->moment,
                                               .limit = AT_ONCE,
                                               .texts = export->settings.texts};
        export->read = 0;
        if (r == 0)
            r = fd_labelled_pairs_read(export->store, &query, visit_pair, export);
        show_progress(export);
    } while (r == 0 && export->read == AT_ONCE);
    return r;
}

static const char *const left_out[FD_EXPORT_OUTCOMES] = {
    [FD_EXPORT_NOT_ASKED_FOR] = "of another annotator, arm or time",
    [FD_EXPORT_TIE] = "ties",
    [FD_EXPORT_SKIP] = "skips",
    [FD_EXPORT_RETRACTED] = "retracted",
    [FD_EXPORT_WITHOUT_TEXTS] = "without all texts",
    [FD_EXPORT_ACROSS_PROMPTS] = "across prompts",
};

/* On standard error, because the lines may go to standard output. */
static void print_summary(const struct export *export) {
    const char *before = "; left out: ";
    (void)fprintf(stderr, "%s%zu labels exported", isatty(STDERR_FILENO) ? "\r\033[K" : "",
                  export->outcomes[FD_EXPORT_WRITTEN]);
    for (size_t i = 0; i < FD_EXPORT_OUTCOMES; i++)
        if (left_out[i] && export->outcomes[i] > 0) {
            (void)fprintf(stderr, "%s%zu %s", before, export->outcomes[i], left_out[i]);
            before = ", ";
        }
    (void)fputc('\n', stderr);
}

int fd_export_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(clear_flags) struct export_flags flags = {0};
    FD_CLEANUP(export_clear) struct export export = {0};
    fd_fault fault = {0};
    int r = fd_option_table_take(&flag_table, &argc, argv, &flags, &fault);
    if (r == 0)
        r = fd_database_options(argc, argv, &options, &fault);
    if (r == 0)
        r = open_export(&export, &options, &flags, &fault);
    if (r == 0) {
        r = write_labels(&export);
        r = fd_export_output_close(&export.output, r, &fault);
        r = fd_export_card_close(&export.card, export.store, &export.settings, export.has_names, r,
                                 &fault);
    }
    if (r < 0)
        return fd_report_error("export", r, &fault);
    print_summary(&export);
    return 0;
}
