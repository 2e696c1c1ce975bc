/* `fisherd import`: adds all items of some files, or none, to a database that no daemon holds. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "database_commands.h"
#include "import_reader.h"
#include "import_scores.h"
#include "item_text_features.h"
#include "report_error.h"
#include "sqlite_store.h"

enum { BATCH = 500 };

static const fd_option_row file_rows[] = {
    {FD_OPTION_TEXT, offsetof(fd_import_files, items), "items", "", 0, 0, "FILE", ""},
    {FD_OPTION_TEXT, offsetof(fd_import_files, embeddings), "embeddings", "", 0, 0, "FILE", ""},
    {FD_OPTION_TEXT, offsetof(fd_import_files, prompt_embeddings), "prompt-embeddings", "", 0, 0,
     "FILE", ""},
};
static const fd_option_table file_table = {file_rows, FD_LENGTH(file_rows)};

static void clear_files(fd_import_files *files) {
    fd_option_table_clear(&file_table, files);
}

struct import {
    fd_store *store;
    fd_import_reader *reader;
    fd_import_scores scores;
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
                         "the embeddings have %zu numbers, the items of the database %zu", given,
                         stored);
    return r;
}

static int open_import(struct import *import, const char *db, const fd_import_files *files) {
    int r = fd_import_reader_open(files, &import->reader, import->fault);
    if (r == 0)
        r = fd_store_open_sqlite(db, &import->store, import->fault);
    if (r == 0)
        r = check_dimension(import);
    if (r == 0)
        r = fd_import_scores_open(import->store, &import->scores);
    if (r < 0)
        return r;
    import->values = calloc(BATCH, fd_import_reader_dimension(import->reader) * sizeof(float));
    return import->values ? 0 : -ENOMEM;
}

/* ---- importing ---- */

static size_t line_of(const struct import *import, size_t place) {
    return fd_import_reader_line(import->reader) - import->n + 1 + place;
}

static int store_scores(struct import *import, const fd_item_row *rows, const uint32_t *indices) {
    size_t place;
    fd_fault fault = {0};
    int r = fd_import_scores_store(&import->scores, import->store, rows, indices, import->n, &place,
                                   &fault);
    if (r != -EINVAL || fault.detail[0] == '\0')
        return r;
    return fd_fault_set(import->fault, r, "", "line %zu: %s; nothing was imported",
                        line_of(import, place), fault.detail);
}

static int store_batch(struct import *import) {
    fd_item_row rows[BATCH];
    uint32_t indices[BATCH];
    fd_added added = {0};
    for (size_t i = 0; i < import->n; i++)
        rows[i] = import->items[i].row;
    FD_FREE float *counted = NULL;
    int r = fd_text_features_count(rows, import->n, &counted);
    if (r == 0)
        r = import->store->operations->items_add(import->store, rows, import->n, indices, &added);
    if (r == -EEXIST)
        return fd_fault_set(import->fault, -EINVAL, "",
                            "line %zu: item \"%s\" exists already with other content; nothing was "
                            "imported",
                            line_of(import, added.conflict), rows[added.conflict].id);
    if (r == 0)
        r = store_scores(import, rows, indices);
    clear_batch(import);
    import->total.created += added.created;
    import->total.unchanged += added.unchanged;
    return r;
}

/* Shows each batch on a terminal, and only the end elsewhere. */
static void show_progress(const struct import *import, bool done) {
    if (isatty(STDERR_FILENO) || done)
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

static int run_import(struct import *import) {
    const fd_store_operations *operations = import->store->operations;
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

static int read_arguments(int argc, char **argv, fd_import_files *files, fd_options *options,
                          fd_fault *fault) {
    int r = fd_option_table_take(&file_table, &argc, argv, files, fault);
    if (r == 0 && (files->items[0] == '\0' || files->embeddings[0] == '\0'))
        r = fd_fault_set(fault, -EINVAL, "",
                         "--items FILE.jsonl and --embeddings FILE.npy are needed");
    if (r == 0)
        r = fd_database_options(argc, argv, options, fault);
    files->score_metadata = options->score_metadata;
    return r;
}

int fd_import_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(clear_files) fd_import_files files = {0};
    fd_fault fault = {0};
    FD_CLEANUP(import_clear) struct import import = {.fault = &fault};
    int r = read_arguments(argc, argv, &files, &options, &fault);
    if (r == 0)
        r = open_import(&import, options.db, &files);
    if (r == 0)
        r = run_import(&import);
    if (r < 0)
        return fd_report_error("import", r, &fault);
    printf("%zu items imported, %zu were there already\n", import.total.created,
           import.total.unchanged);
    return 0;
}
