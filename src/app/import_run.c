/* Imports files one after another, block by block. */
#include "import_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "database_commands.h"
#include "import_block.h"
#include "import_input.h"
#include "import_summary.h"
#include "memory_store.h"
#include "store_open.h"

struct run {
    const fd_import_arguments *arguments;
    fd_import_settings settings;
    fd_store *store;
    fd_import_texts *texts;
    fd_import_scores scores;
    fd_import_vectors vectors;
    fd_import_report report;
    fd_import_block *block;
    fd_import_parser *parser;
    size_t file; /* the number of the one that is read */
    int64_t begin_ms;
    fd_fault *fault;
};

static void run_clear(struct run *run) {
    fd_import_parser_closep(&run->parser);
    fd_import_block_closep(&run->block);
    fd_import_texts_closep(&run->texts);
    fd_import_vectors_clear(&run->vectors);
    fd_import_report_clear(&run->report);
    fd_store_close(run->store);
}

/* ---- opening ---- */

/* A dry run changes no database, and makes none. */
static int open_store(struct run *run, const fd_options *options) {
    if (!run->arguments->is_dry)
        return fd_database_open_alone(options->db, FD_IMPORT_BY_A_REPLICA, &run->store, run->fault);
    if (fd_store_is_url(options->db) || access(options->db, F_OK) == 0)
        return fd_store_open_read_only(options->db, &run->store, run->fault);
    return fd_store_open_memory(&run->store);
}

static int open_run(struct run *run, const fd_options *options) {
    int r = open_store(run, options);
    if (r == 0)
        r = fd_import_texts_open(options, run->store, false, &run->texts, run->fault);
    if (r == 0)
        r = fd_import_scores_open(run->store, &run->scores);
    const fd_import_place place = {.store = run->store,
                                   .texts = run->texts,
                                   .scores = &run->scores,
                                   .vectors = &run->vectors,
                                   .report = &run->report,
                                   .is_dry = run->arguments->is_dry};
    return r < 0 ? r : fd_import_block_open(&place, &run->block);
}

/* ---- one file ---- */

static int take_row(void *context, const fd_imported_row *row) {
    struct run *run = context;
    return fd_import_block_add(run->block, run->file, row, run->fault);
}

static int take_refusal(void *context, const fd_import_refusal *refusal) {
    struct run *run = context;
    fd_import_report_refuse(&run->report, run->file, refusal);
    return 0;
}

static int take_bytes(void *context, const char *bytes, size_t size) {
    struct run *run = context;
    return fd_import_parser_feed(run->parser, bytes, size, run->fault);
}

static int read_all(struct run *run, fd_import_input *input) {
    int more;
    do {
        more = fd_import_input_read(input, run->fault);
        fd_import_show_progress(input->name, input->at, input->size, run->begin_ms);
    } while (more > 0);
    return more < 0 ? more : fd_import_parser_end(run->parser, run->fault);
}

/* Names the file in a fault that does not. */
static int name_file(const struct run *run, const char *path, int error) {
    fd_fault fault = *run->fault;
    if (fault.detail[0] == '\0' || strstr(fault.detail, path))
        return error;
    return fd_fault_set(run->fault, error, "", "%.100s: %s", path, fault.detail);
}

static int import_file(struct run *run, const char *path) {
    fd_import_input input = {0};
    const fd_import_sink sink = {take_row, take_refusal, run};
    run->begin_ms = fd_wall_milliseconds();
    int r = fd_import_parser_open(&run->settings, &sink, &run->parser, run->fault);
    if (r == 0)
        r = fd_import_input_open(path, take_bytes, run, &input, run->fault);
    if (r == 0)
        r = read_all(run, &input);
    fd_import_input_close(&input);
    if (r == 0)
        fd_import_print_format(path, fd_import_parser_format(run->parser));
    fd_import_parser_closep(&run->parser);
    run->parser = NULL;
    return r < 0 ? name_file(run, path, r) : 0;
}

/* ---- files of embeddings come first ---- */

static int ignore_row(void *context, const fd_imported_row *row) {
    (void)context;
    (void)row;
    return 0;
}

static int ignore_refusal(void *context, const fd_import_refusal *refusal) {
    (void)context;
    (void)refusal;
    return 0;
}

/* Whether a file begins like one of embeddings alone. What is wrong with it is said later. */
static bool has_embeddings(struct run *run, const char *path) {
    static const char name[] = "embeddings";
    fd_fault fault = {0}, *said = run->fault;
    fd_import_input input = {0};
    const fd_import_sink sink = {ignore_row, ignore_refusal, run};
    if (strcmp(path, "-") == 0)
        return strcmp(run->settings.format, name) == 0;
    run->fault = &fault;
    int r = fd_import_parser_open(&run->settings, &sink, &run->parser, &fault);
    if (r == 0)
        r = fd_import_input_open(path, take_bytes, run, &input, &fault);
    if (r == 0)
        r = fd_import_input_read(&input, &fault);
    const char *format = r >= 0 ? fd_import_parser_format(run->parser) : NULL;
    bool is_so = format && strcmp(format, name) == 0;
    fd_import_input_close(&input);
    fd_import_parser_closep(&run->parser);
    run->parser = NULL;
    run->fault = said;
    return is_so;
}

static int import_files(struct run *run) {
    const fd_import_arguments *arguments = run->arguments;
    FD_FREE bool *is_first = calloc(arguments->n_files, sizeof(*is_first));
    int r = is_first ? 0 : -ENOMEM;
    for (size_t i = 0; i < arguments->n_files && r == 0; i++)
        is_first[i] = arguments->n_files > 1 && has_embeddings(run, arguments->files[i]);
    for (int pass = 0; pass < 2; pass++)
        for (run->file = 0; run->file < arguments->n_files && r == 0; run->file++)
            if (is_first[run->file] == (pass == 0))
                r = import_file(run, arguments->files[run->file]);
    return r;
}

/* Whether a row of any file was read. */
static bool has_read(const fd_import_report *report) {
    return report->items.created + report->items.unchanged + report->labels.created +
               report->labels.unchanged + report->refused >
           0;
}

int fd_import_run(const fd_import_arguments *arguments, const char *format,
                  const fd_options *options, int *ret_status, fd_fault *fault) {
    FD_CLEANUP(run_clear)
    struct run run = {.arguments = arguments,
                      .settings = {.format = format,
                                   .map = arguments->map,
                                   .score_metadata = options->score_metadata},
                      .fault = fault};
    int r = open_run(&run, options);
    if (r == 0)
        r = import_files(&run);
    if (r == 0)
        r = fd_import_block_commit(run.block, fault);
    if (r == 0 || has_read(&run.report))
        fd_import_print_report(&run.report, arguments, run.vectors.unused);
    *ret_status = run.report.refused > 0 ? FD_IMPORT_REFUSED : 0;
    return r;
}
