/*
 * `fisherd import`: adds items of files to a database that no daemon holds. Files of the field,
 * which are named alone, are import_run.c's. With --items and a file of embeddings all items are
 * added or none. With --items alone their texts are embedded, which takes long, so they are added
 * block by block, and the same command goes on where it ended.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "database_commands.h"
#include "import_arguments.h"
#include "import_reader.h"
#include "import_run.h"
#include "import_scores.h"
#include "import_texts.h"
#include "import_upload.h"
#include "item_text_features.h"
#include "report_error.h"
#include "store_open.h"

enum { BATCH = 500 };

static const fd_option_row file_rows[] = {
    {FD_OPTION_TEXT, offsetof(fd_import_files, items), "items", "", 0, 0, "FILE", ""},
    {FD_OPTION_TEXT, offsetof(fd_import_files, embeddings), "embeddings", "", 0, 0, "FILE", ""},
    {FD_OPTION_TEXT, offsetof(fd_import_files, prompt_embeddings), "prompt-embeddings", "", 0, 0,
     "FILE", ""},
    {FD_OPTION_TEXT, offsetof(fd_import_files, format), "format", "auto", 0, 0, "NAME", ""},
};
static const fd_option_table file_table = {file_rows, FD_LENGTH(file_rows)};

static void clear_files(fd_import_files *files) {
    fd_option_table_clear(&file_table, files);
}

struct import {
    fd_store *store;
    fd_import_reader *reader;
    fd_import_scores scores;
    fd_import_texts *texts; /* NULL: the embeddings are in a file */
    size_t n;
    fd_import_item items[BATCH]; /* those from n on are zeros */
    float *values;               /* [BATCH x dimension] */
    fd_added total;
    fd_fault *fault;
};

static void clear_batch(struct import *import) {
    for (size_t i = 0; i < BATCH; i++)
        fd_import_item_clear(&import->items[i]);
    import->n = 0;
}

static void import_clear(struct import *import) {
    clear_batch(import);
    fd_import_reader_closep(&import->reader);
    fd_import_texts_closep(&import->texts);
    fd_store_close(import->store);
    free(import->values);
}

/* ---- opening ---- */

static int read_dimension(void *context, const fd_item_row *row) {
    *(size_t *)context = row->dimension;
    return 0;
}

static int check_dimension(struct import *import) {
    size_t stored = 0, given = fd_import_reader_dimension(import->reader);
    int r =
        import->store->operations->items_read(import->store, 0, 1, false, read_dimension, &stored);
    if (r == 0 && stored != 0 && stored != given)
        r = fd_fault_set(import->fault, -EINVAL, "",
                         "the embeddings have %zu numbers, the items of the database %zu: expected "
                         "the shape (%zu, %zu), found (%zu, %zu)",
                         given, stored, fd_import_reader_count(import->reader), stored,
                         fd_import_reader_count(import->reader), given);
    return r;
}

static int open_import(struct import *import, const fd_options *options,
                       const fd_import_files *files) {
    bool has_file = files->embeddings[0] != '\0';
    int r = fd_import_reader_open(files, &import->reader, import->fault);
    if (r == 0)
        r = fd_database_open_alone(options->db, FD_IMPORT_BY_A_REPLICA, &import->store,
                                   import->fault);
    if (r == 0)
        r = has_file
                ? check_dimension(import)
                : fd_import_texts_open(options, import->store, true, &import->texts, import->fault);
    if (r == 0)
        r = fd_import_scores_open(import->store, &import->scores);
    if (r < 0)
        return r;
    import->values = calloc(BATCH, fd_import_reader_dimension(import->reader) * sizeof(float) + 1);
    return import->values ? 0 : -ENOMEM;
}

/* ---- importing ---- */

static size_t line_of(const struct import *import, size_t place) {
    return fd_import_reader_line(import->reader) - import->n + 1 + place;
}

static int refuse_line(const struct import *import, size_t place, const char *why) {
    return fd_fault_set(import->fault, -EINVAL, "", "line %zu: %s%s", line_of(import, place), why,
                        import->texts ? "" : "; nothing was imported");
}

static int store_scores(struct import *import, const fd_item_row *rows, const uint32_t *indices) {
    size_t place;
    fd_fault fault = {0};
    int r = fd_import_scores_store(&import->scores, import->store, rows, indices, import->n, &place,
                                   &fault);
    if (r != -EINVAL || fault.detail[0] == '\0')
        return r;
    return refuse_line(import, place, fault.detail);
}

/* The transaction of a block. */
static int begin_block(struct import *import, fd_item_row *rows) {
    size_t place;
    fd_fault fault = {0};
    if (!import->texts)
        return 0;
    int r = fd_import_texts_embed(import->texts, rows, import->n, &place, &fault);
    if (r < 0 && place != SIZE_MAX)
        return refuse_line(import, place, fault.detail);
    if (r < 0)
        *import->fault = fault;
    if (r == 0)
        r = import->store->operations->begin(import->store);
    return r == 0 ? fd_import_texts_store(import->texts) : r;
}

static int end_block(struct import *import, const fd_item_row *rows, const uint32_t *indices) {
    if (!import->texts)
        return 0;
    int r = import->store->operations->commit(import->store);
    return r == 0 ? fd_import_texts_note(import->texts, rows, indices, import->n) : r;
}

static int store_batch(struct import *import) {
    fd_item_row rows[BATCH];
    uint32_t indices[BATCH];
    fd_added added = {0};
    for (size_t i = 0; i < import->n; i++)
        rows[i] = import->items[i].row;
    FD_FREE float *counted = NULL;
    int r = begin_block(import, rows);
    if (r == 0)
        r = fd_text_features_count(rows, import->n, &counted);
    if (r == 0)
        r = import->store->operations->items_add(import->store, rows, import->n, indices, &added);
    if (r == -EEXIST && import->fault->detail[0] == '\0') {
        char why[FD_ID_MAX + 64];
        (void)snprintf(why, sizeof(why), "item \"%s\" exists already with other content",
                       rows[added.conflict].id);
        return refuse_line(import, added.conflict, why);
    }
    if (r == 0)
        r = store_scores(import, rows, indices);
    if (r == 0)
        r = end_block(import, rows, indices);
    if (r < 0)
        return r;
    clear_batch(import);
    import->total.created += added.created;
    import->total.unchanged += added.unchanged;
    return 0;
}

/* Shows each batch on a terminal, and only the end elsewhere. */
static void show_progress(const struct import *import, bool done) {
    if (!isatty(STDERR_FILENO) && !done)
        return;
    if (import->texts)
        (void)fprintf(stderr, "%s%zu items read, %.0f %%%s", isatty(STDERR_FILENO) ? "\r" : "",
                      fd_import_reader_line(import->reader),
                      100 * fd_import_reader_share(import->reader), done ? "\n" : "");
    else
        (void)fprintf(stderr, "%s%zu of %zu items read%s", isatty(STDERR_FILENO) ? "\r" : "",
                      fd_import_reader_line(import->reader), fd_import_reader_count(import->reader),
                      done ? "\n" : "");
}

static int import_items(struct import *import) {
    size_t dimension = fd_import_reader_dimension(import->reader);
    int more;
    do {
        more = fd_import_reader_next(import->reader, import->values + import->n * dimension,
                                     &import->items[import->n]);
        if (more < 0)
            return more;
        import->n += (size_t)more;
        if (import->n < BATCH && more)
            continue;
        int r = import->n > 0 ? store_batch(import) : 0;
        if (r < 0)
            return r;
        show_progress(import, !more);
    } while (more);
    return 0;
}

/* Tells what the blocks before the failure have added. */
static void add_outcome(const struct import *import) {
    char *detail = import->fault->detail;
    size_t length = strlen(detail);
    if (length > 0)
        (void)snprintf(detail + length, sizeof(import->fault->detail) - length,
                       "; %zu items were imported before, and %zu were there already",
                       import->total.created, import->total.unchanged);
}

/* A failure between begin and commit of a block is undone; without a transaction, nothing is. */
static int import_blocks(struct import *import) {
    int r = import_items(import);
    if (r == 0)
        return 0;
    import->store->operations->rollback(import->store);
    add_outcome(import);
    return r;
}

static int run_import(struct import *import) {
    const fd_store_operations *operations = import->store->operations;
    if (import->texts)
        return import_blocks(import);
    int r = operations->begin(import->store);
    if (r < 0)
        return r;
    r = import_items(import);
    if (r == 0)
        r = operations->commit(import->store);
    if (r < 0)
        operations->rollback(import->store);
    return r;
}

/* ---- the command ---- */

static int refuse(const char *why, fd_fault *fault) {
    return fd_fault_set(fault, -EINVAL, "", "%s", why);
}

static int check_files(const fd_import_files *files, const fd_import_arguments *arguments,
                       fd_fault *fault) {
    bool has_items = files->items[0] != '\0';
    if (arguments->n_files > 0)
        return has_items || files->embeddings[0] != '\0' || files->prompt_embeddings[0] != '\0'
                   ? refuse("--items and --embeddings take no other files", fault)
                   : 0;
    if (!has_items)
        return refuse("a file is needed, or --items FILE.jsonl and --embeddings FILE.npy", fault);
    if (strcmp(files->format, "auto") != 0)
        return refuse("--format is for files that are named without --items", fault);
    if (arguments->is_dry)
        return refuse("--dry-run is for files that are named without --items", fault);
    if (files->embeddings[0] == '\0' && files->prompt_embeddings[0] != '\0')
        return refuse("--prompt-embeddings needs --embeddings", fault);
    return 0;
}

static int read_arguments(int argc, char **argv, fd_import_files *files,
                          fd_import_arguments *arguments, fd_options *options, fd_fault *fault) {
    int r = fd_import_arguments_take(&argc, argv, arguments, fault);
    if (r == 0)
        r = fd_option_table_take(&file_table, &argc, argv, files, fault);
    if (r == 0)
        r = check_files(files, arguments, fault);
    if (r == 0)
        r = fd_database_options(argc, argv, options, fault);
    files->score_metadata = options->score_metadata;
    files->map = arguments->map;
    return r;
}

static int import_named(const fd_options *options, const fd_import_files *files, fd_fault *fault) {
    FD_CLEANUP(import_clear) struct import import = {.fault = fault};
    int r = open_import(&import, options, files);
    if (r == 0)
        r = run_import(&import);
    if (r == 0)
        printf("%zu items imported, %zu were there already\n", import.total.created,
               import.total.unchanged);
    return r;
}

int fd_import_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(clear_files) fd_import_files files = {0};
    FD_CLEANUP(fd_import_arguments_clear) fd_import_arguments arguments = {0};
    fd_fault fault = {0};
    int status = 0;
    if (fd_import_upload_is_asked(argc, argv))
        return fd_import_upload_main(argc, argv);
    int r = read_arguments(argc, argv, &files, &arguments, &options, &fault);
    if (r == 0)
        r = arguments.n_files > 0
                ? fd_import_run(&arguments, files.format, &options, &status, &fault)
                : import_named(&options, &files, &fault);
    return r < 0 ? fd_report_error("import", r, &fault) : status;
}
