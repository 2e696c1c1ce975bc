/*
 * `fisherd import`: items from JSON lines and .npy files into a database that no daemon holds, all
 * or none. Line i has `id`, `prompt_id` and, if it likes, `prompt` and `response`; its other
 * members become the item's metadata. Row i of the embeddings belongs to it; with prompt
 * embeddings, row k of those belongs to the k-th prompt in the order of the lines and stands before
 * it.
 */
#include <errno.h>
#include <fisher/model.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "clock.h"
#include "commands.h"
#include "json_tree.h"
#include "npy.h"
#include "options.h"
#include "report_error.h"
#include "sqlite_store.h"

enum { BATCH = 500, ID_MAX = 256 };

/* The flags of this command beside the options of options.def. */
struct files {
    const char *items;
    const char *embeddings;
    const char *prompt_embeddings;
};

struct prompt {
    char *id;
    size_t row;
    UT_hash_handle hh;
};

struct import {
    fd_store *store;
    fd_fault *fault;
    FILE *lines;
    size_t line; /* the number of the one read last */
    fd_npy *embeddings;
    float *prompt_rows; /* [prompts x prompt_columns]; NULL without prompt embeddings */
    size_t prompt_count;
    size_t prompt_columns;
    size_t dimension;
    struct prompt *prompts;
    fd_item_row rows[BATCH];
    json_t *documents[BATCH]; /* own the texts of the rows */
    char *metadata[BATCH];
    float *values; /* [BATCH x dimension] */
    fd_added total;
};

static void clear_batch(struct import *import) {
    for (size_t i = 0; i < BATCH; i++) {
        json_decref(import->documents[i]);
        free(import->metadata[i]);
        import->documents[i] = NULL;
        import->metadata[i] = NULL;
    }
}

static void import_clear(struct import *import) {
    struct prompt *prompt, *next;
    clear_batch(import);
    HASH_ITER(hh, import->prompts, prompt, next) {
        HASH_DEL(import->prompts, prompt);
        free(prompt->id);
        free(prompt);
    }
    if (import->lines)
        (void)fclose(import->lines);
    if (import->embeddings)
        fd_npy_close(import->embeddings);
    fd_store_close(import->store);
    free(import->prompt_rows);
    free(import->values);
}

/* ---- opening ---- */

static int open_prompts(struct import *import, const char *path) {
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = NULL;
    if (!path)
        return 0;
    int r = fd_npy_open(path, &npy, import->fault);
    if (r < 0)
        return r;
    import->prompt_count = fd_npy_rows(npy);
    import->prompt_columns = fd_npy_columns(npy);
    import->prompt_rows =
        calloc(import->prompt_count + 1, import->prompt_columns * sizeof(float) + 1);
    if (!import->prompt_rows)
        return -ENOMEM;
    return fd_npy_read_float(npy, import->prompt_count, import->prompt_rows);
}

static int read_dimension(void *context, const fd_item_row *row) {
    *(size_t *)context = row->dimension;
    return 0;
}

static int check_dimension(struct import *import) {
    size_t there = 0;
    if (import->dimension < 1 || import->dimension > FI_INPUTS_MAX)
        return fd_fault_set(import->fault, -EINVAL, "",
                            "an embedding has 1 to %d numbers, these have %zu", FI_INPUTS_MAX,
                            import->dimension);
    int r =
        import->store->operations->items_read(import->store, 0, 1, false, read_dimension, &there);
    if (r < 0)
        return r;
    if (there != 0 && there != import->dimension)
        return fd_fault_set(import->fault, -EINVAL, "",
                            "the embeddings have %zu numbers, the items of the database %zu",
                            import->dimension, there);
    return 0;
}

static int open_all(struct import *import, const char *db, const struct files *files) {
    int r = fd_npy_open(files->embeddings, &import->embeddings, import->fault);
    if (r == 0 && fd_npy_columns(import->embeddings) == 0)
        r = fd_fault_set(import->fault, -EINVAL, "", "%s: its embeddings have no numbers",
                         files->embeddings);
    if (r == 0)
        r = open_prompts(import, files->prompt_embeddings);
    if (r < 0)
        return r;
    import->lines = fopen(files->items, "re");
    if (!import->lines)
        return fd_fault_set(import->fault, -errno, "", "%s cannot be opened: %s", files->items,
                            strerror(errno));
    import->dimension = import->prompt_columns + fd_npy_columns(import->embeddings);
    r = fd_store_open_sqlite(db, &import->store, import->fault);
    if (r == 0)
        r = check_dimension(import);
    if (r < 0)
        return r;
    import->values = calloc(BATCH, import->dimension * sizeof(float));
    return import->values ? 0 : -ENOMEM;
}

/* ---- lines ---- */

static int complain(const struct import *import, const char *what) {
    return fd_fault_set(import->fault, -EINVAL, "", "line %zu: %s; nothing was imported",
                        import->line, what);
}

static int take_id(const struct import *import, json_t *document, const char *name,
                   const char **ret) {
    const char *text = json_string_value(json_object_get(document, name));
    if (!text || text[0] == '\0' || strlen(text) > ID_MAX) {
        char message[96];
        (void)snprintf(message, sizeof(message), "\"%s\" must be a text of 1 to %d bytes", name,
                       ID_MAX);
        return complain(import, message);
    }
    *ret = text;
    return 0;
}

static int take_text(const struct import *import, json_t *document, const char *name,
                     const char **ret) {
    json_t *value = json_object_get(document, name);
    *ret = json_string_value(value);
    if (value && !json_is_null(value) && !*ret) {
        char message[96];
        (void)snprintf(message, sizeof(message), "\"%s\" must be a text", name);
        return complain(import, message);
    }
    return 0;
}

/* What no column holds. The texts that the row borrows stay in the document. */
static int take_metadata(json_t *document, char **ret) {
    static const char *const columns[] = {"id", "prompt_id", "prompt", "response"};
    FD_JSON json_t *rest = json_copy(document);
    for (size_t i = 0; i < FD_LENGTH(columns); i++)
        (void)json_object_del(rest, columns[i]);
    json_t *given = json_object_get(rest, "metadata");
    if (json_is_object(given)) {
        json_incref(given);
        (void)json_object_del(rest, "metadata");
        (void)json_object_update_missing(rest, given);
        json_decref(given);
    }
    if (json_object_size(rest) == 0)
        return 0;
    *ret = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    return *ret ? 0 : -ENOMEM;
}

static int prompt_row(struct import *import, const char *id, size_t *ret) {
    struct prompt *prompt;
    HASH_FIND_STR(import->prompts, id, prompt);
    if (!prompt) {
        if (HASH_COUNT(import->prompts) == import->prompt_count)
            return complain(import, "there are more prompts than prompt embeddings");
        prompt = calloc(1, sizeof(*prompt));
        if (!prompt || !(prompt->id = strdup(id))) {
            free(prompt);
            return -ENOMEM;
        }
        prompt->row = HASH_COUNT(import->prompts);
        HASH_ADD_KEYPTR(hh, import->prompts, prompt->id, strlen(prompt->id), prompt);
        if (!prompt->hh.tbl) {
            free(prompt->id);
            free(prompt);
            return -ENOMEM;
        }
    }
    *ret = prompt->row;
    return 0;
}

static int take_embedding(struct import *import, const char *prompt_id, float *values) {
    if (import->prompt_rows) {
        size_t row = 0;
        int r = prompt_row(import, prompt_id, &row);
        if (r < 0)
            return r;
        memcpy(values, import->prompt_rows + row * import->prompt_columns,
               import->prompt_columns * sizeof(float));
    }
    int r = fd_npy_read_float(import->embeddings, 1, values + import->prompt_columns);
    if (r == -ENODATA)
        return complain(import, "there are more items than embeddings");
    if (r < 0)
        return r;
    for (size_t i = 0; i < import->dimension; i++)
        if (!(fabsf(values[i]) <= FI_EMBEDDING_MAX))
            return complain(import, "its embedding has a number that is not finite or too large");
    return 0;
}

static int take_line(struct import *import, const char *text, size_t length, size_t place) {
    fd_item_row *row = &import->rows[place];
    *row = (fd_item_row){.dimension = import->dimension, .created_ms = fd_wall_milliseconds()};
    json_error_t error;
    json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    import->documents[place] = document;
    if (!document)
        return complain(import, error.text);
    if (!json_is_object(document))
        return complain(import, "it is no JSON object");
    int r = take_id(import, document, "id", &row->id);
    if (r == 0)
        r = take_id(import, document, "prompt_id", &row->prompt_id);
    if (r == 0)
        r = take_text(import, document, "prompt", &row->prompt);
    if (r == 0)
        r = take_text(import, document, "response", &row->response);
    if (r == 0)
        r = take_metadata(document, &import->metadata[place]);
    if (r < 0)
        return r;
    float *values = import->values + place * import->dimension;
    row->metadata = import->metadata[place];
    row->embedding = values;
    return take_embedding(import, row->prompt_id, values);
}

/* ---- the whole file ---- */

static int store_batch(struct import *import, size_t n) {
    uint32_t indices[BATCH];
    fd_added added = {0};
    int r = import->store->operations->items_add(import->store, import->rows, n, indices, &added);
    if (r == -EEXIST) {
        char message[ID_MAX + 64];
        (void)snprintf(message, sizeof(message), "item \"%s\" is there already with other content",
                       import->rows[added.conflict].id);
        import->line -= n - 1 - added.conflict;
        return complain(import, message);
    }
    clear_batch(import);
    import->total.created += added.created;
    import->total.unchanged += added.unchanged;
    return r;
}

static void show_progress(const struct import *import, bool done) {
    if (isatty(STDERR_FILENO) || done)
        (void)fprintf(stderr, "%s%zu of %zu items read%s", isatty(STDERR_FILENO) ? "\r" : "",
                      import->line, fd_npy_rows(import->embeddings), done ? "\n" : "");
}

static int read_lines(struct import *import) {
    FD_FREE char *text = NULL;
    size_t room = 0, n = 0;
    ssize_t length;
    while ((length = getline(&text, &room, import->lines)) > 0) {
        import->line++;
        int r = take_line(import, text, (size_t)length, n++);
        if (r == 0 && n == BATCH) {
            r = store_batch(import, n);
            n = 0;
            show_progress(import, false);
        }
        if (r < 0)
            return r;
    }
    if (ferror(import->lines))
        return -EIO;
    if (import->line != fd_npy_rows(import->embeddings))
        return fd_fault_set(import->fault, -EINVAL, "",
                            "there are %zu items and %zu embeddings; nothing was imported",
                            import->line, fd_npy_rows(import->embeddings));
    if (import->prompt_rows && HASH_COUNT(import->prompts) != import->prompt_count)
        return fd_fault_set(import->fault, -EINVAL, "",
                            "there are %u prompts and %zu prompt embeddings; nothing was imported",
                            HASH_COUNT(import->prompts), import->prompt_count);
    int r = n > 0 ? store_batch(import, n) : 0;
    show_progress(import, r == 0);
    return r;
}

static int run_import(struct import *import) {
    const fd_store_operations *store = import->store->operations;
    int r = store->begin(import->store);
    if (r == 0) {
        r = read_lines(import);
        if (r == 0)
            r = store->commit(import->store);
        if (r < 0)
            store->rollback(import->store);
    }
    return r;
}

/* Takes this command's own flags out of the arguments. */
static int take_files(int *argc, char **argv, struct files *files, fd_fault *fault) {
    static const char *const names[] = {"--items", "--embeddings", "--prompt-embeddings"};
    const char **values[] = {&files->items, &files->embeddings, &files->prompt_embeddings};
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        size_t own = 0;
        size_t length = strcspn(argv[i], "=");
        while (own < FD_LENGTH(names) &&
               (strlen(names[own]) != length || strncmp(names[own], argv[i], length) != 0))
            own++;
        if (own == FD_LENGTH(names)) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *value = argv[i][length] == '=' ? argv[i] + length + 1 : NULL;
        if (!value && i + 1 < *argc)
            value = argv[++i];
        if (!value)
            return fd_fault_set(fault, -EINVAL, "", "%s needs a value", names[own]);
        *values[own] = value;
    }
    *argc = kept;
    if (!files->items || !files->embeddings)
        return fd_fault_set(fault, -EINVAL, "",
                            "--items FILE.jsonl and --embeddings FILE.npy are needed");
    return 0;
}

int fd_import_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    fd_fault fault = {0};
    struct files files = {0};
    int r = take_files(&argc, argv, &files, &fault);
    if (r == 0)
        r = fd_options_read(argc, argv, &options, &fault);
    if (r == 0 && options.db[0] == '\0')
        r = fd_fault_set(&fault, -EINVAL, "", "--db FILE is missing");
    if (r < 0)
        return fd_report_error("import", r, &fault);

    FD_CLEANUP(import_clear) struct import import = {.fault = &fault};
    r = open_all(&import, options.db, &files);
    if (r == 0)
        r = run_import(&import);
    if (r < 0)
        return fd_report_error("import", r, &fault);
    printf("%zu items imported, %zu were there already\n", import.total.created,
           import.total.unchanged);
    return 0;
}
