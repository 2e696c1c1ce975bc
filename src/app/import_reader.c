/* Reads the items of `fisherd import` from JSON lines and .npy files. */
#include "import_reader.h"

#include <errno.h>
#include <fisher/model.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "clock.h"
#include "item_rules.h"
#include "json_scores.h"
#include "json_tree.h"
#include "npy.h"
#include "row_map.h"

struct prompt {
    char *id;
    size_t row;
    UT_hash_handle hh;
};

struct fd_import_reader {
    FILE *lines;
    char *text; /* of the last line, as getline keeps it */
    size_t text_size;
    size_t line;
    fd_npy *embeddings;
    float *prompt_rows; /* [prompt_count x prompt_columns]; NULL without prompt embeddings */
    size_t prompt_count;
    size_t prompt_columns;
    size_t dimension;
    struct prompt *prompts;     /* by id */
    const char *score_metadata; /* as in fd_import_files */
    fd_row_map map;
    fd_fault *fault;
};

size_t fd_import_reader_dimension(const fd_import_reader *reader) {
    return reader->dimension;
}

size_t fd_import_reader_count(const fd_import_reader *reader) {
    return reader->embeddings ? fd_npy_rows(reader->embeddings) : 0;
}

double fd_import_reader_share(const fd_import_reader *reader) {
    struct stat about;
    off_t at = ftello(reader->lines);
    if (fstat(fileno(reader->lines), &about) < 0 || about.st_size <= 0 || at < 0)
        return 0;
    return (double)at / (double)about.st_size;
}

size_t fd_import_reader_line(const fd_import_reader *reader) {
    return reader->line;
}

void fd_import_item_clear(fd_import_item *item) {
    json_decref(item->document);
    json_decref(item->rest);
    free(item->metadata);
    free(item->scores);
    memset(item, 0, sizeof(*item));
}

void fd_import_reader_close(fd_import_reader *reader) {
    struct prompt *prompt, *next;
    HASH_ITER(hh, reader->prompts, prompt, next) {
        HASH_DEL(reader->prompts, prompt);
        free(prompt->id);
        free(prompt);
    }
    if (reader->lines)
        (void)fclose(reader->lines);
    if (reader->embeddings)
        fd_npy_close(reader->embeddings);
    fd_row_map_clear(&reader->map);
    free(reader->prompt_rows);
    free(reader->text);
    free(reader);
}

/* ---- opening ---- */

static int read_prompt_rows(fd_import_reader *reader, const char *path) {
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = NULL;
    int r = fd_npy_open(path, &npy, reader->fault);
    if (r < 0)
        return r;
    reader->prompt_count = fd_npy_rows(npy);
    reader->prompt_columns = fd_npy_columns(npy);
    reader->prompt_rows =
        calloc(reader->prompt_count + 1, reader->prompt_columns * sizeof(float) + 1);
    if (!reader->prompt_rows)
        return -ENOMEM;
    return fd_npy_read_float(npy, reader->prompt_count, reader->prompt_rows);
}

static int open_lines(fd_import_reader *reader, const char *path) {
    reader->lines = fopen(path, "re");
    if (reader->lines)
        return 0;
    return fd_fault_set(reader->fault, -errno, "", "%s cannot be opened: %s", path,
                        strerror(errno));
}

static int open_files(fd_import_reader *reader, const fd_import_files *files) {
    if (files->embeddings[0] == '\0')
        return open_lines(reader, files->items);
    int r = fd_npy_open(files->embeddings, &reader->embeddings, reader->fault);
    if (r == 0 && fd_npy_columns(reader->embeddings) == 0)
        r = fd_fault_set(reader->fault, -EINVAL, "", "%s: its embeddings have no numbers",
                         files->embeddings);
    if (r == 0 && files->prompt_embeddings[0] != '\0')
        r = read_prompt_rows(reader, files->prompt_embeddings);
    if (r == 0)
        r = open_lines(reader, files->items);
    if (r < 0)
        return r;
    reader->dimension = reader->prompt_columns + fd_npy_columns(reader->embeddings);
    if (reader->dimension > FI_INPUTS_MAX)
        return fd_fault_set(reader->fault, -EINVAL, "",
                            "an embedding has 1 to %d numbers, these have %zu", FI_INPUTS_MAX,
                            reader->dimension);
    return 0;
}

int fd_import_reader_open(const fd_import_files *files, fd_import_reader **ret, fd_fault *fault) {
    FD_CLEANUP(fd_import_reader_closep) fd_import_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    reader->fault = fault;
    reader->score_metadata = files->score_metadata;
    int r = fd_row_map_read(files->map, &reader->map, fault);
    if (r == 0)
        r = open_files(reader, files);
    if (r < 0)
        return r;
    *ret = FD_STEAL(reader);
    return 0;
}

/* ---- a line ---- */

static int refuse(const fd_import_reader *reader, const char *why) {
    return fd_fault_set(reader->fault, -EINVAL, "", "line %zu: %s%s", reader->line, why,
                        reader->embeddings ? "; nothing was imported" : "");
}

static int take_text(const fd_import_reader *reader, json_t *document, const char *name,
                     const char **ret) {
    json_t *value = json_object_get(document, name);
    *ret = json_string_value(value);
    if (value && !json_is_null(value) && !*ret) {
        char why[96];
        (void)snprintf(why, sizeof(why), "\"%s\" must be a text", name);
        return refuse(reader, why);
    }
    return 0;
}

/* Embeddings come from the .npy files: one that is here too would be lost. */
static int refuse_embedding(const fd_import_reader *reader, json_t *rest) {
    static const char *const names[] = {"embedding", "embeddings"};
    for (size_t i = 0; i < FD_LENGTH(names); i++)
        if (json_object_get(rest, names[i]))
            return refuse(reader, reader->embeddings
                                      ? "embeddings belong in the .npy file, not in the lines"
                                      : "it has an embedding, which --embeddings takes from an "
                                        ".npy file");
    return 0;
}

/* Puts the members of "metadata" next to the others. */
static int merge_metadata(const fd_import_reader *reader, json_t *rest) {
    FD_JSON json_t *given = json_incref(json_object_get(rest, "metadata"));
    const char *name;
    json_t *value;
    (void)json_object_del(rest, "metadata");
    if (given && !json_is_object(given) && !json_is_null(given))
        return refuse(reader, "\"metadata\" must be an object");
    json_object_foreach(given, name, value) {
        if (json_object_get(rest, name))
            return refuse(reader, "a member is in \"metadata\" and next to it");
        if (json_object_set(rest, name, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* The members that have no column of their own. The document keeps the texts that the row borrows.
 */
static int take_metadata(const fd_import_reader *reader, fd_import_item *item) {
    static const char *const columns[] = {"id", "prompt_id", "prompt", "response", "scores"};
    json_t *rest = item->rest = json_copy(item->document);
    if (!rest)
        return -ENOMEM;
    for (size_t i = 0; i < FD_LENGTH(columns); i++)
        (void)json_object_del(rest, columns[i]);
    int r = refuse_embedding(reader, rest);
    if (r == 0)
        r = merge_metadata(reader, rest);
    if (r < 0 || json_object_size(rest) == 0)
        return r;
    item->metadata = json_dumps(rest, JSON_COMPACT | JSON_SORT_KEYS);
    return item->metadata ? 0 : -ENOMEM;
}

static int take_scores(const fd_import_reader *reader, fd_import_item *item) {
    const json_t *given = json_object_get(item->document, "scores");
    fd_json_scores scores;
    fd_fault fault = {0};
    int r = fd_json_scores_of_item(json_is_null(given) ? NULL : given, item->rest,
                                   reader->score_metadata, NULL, &scores, &fault);
    item->scores = scores.list;
    item->row.scores = scores.list;
    item->row.n_scores = scores.n;
    if (r != -EINVAL)
        return r;
    char why[600];
    (void)snprintf(why, sizeof(why), "its %s %s", &fault.pointer[1], fault.detail);
    return refuse(reader, why);
}

static int check_rules(const fd_import_reader *reader, const fd_item_row *row) {
    char why[FD_RULE_SIZE], all[FD_RULE_SIZE + 32];
    const char *member;
    fd_item_row checked = *row;
    if (!reader->embeddings)
        checked.dimension = 1; /* there is none yet */
    if (fd_item_rule(&checked, &member, why) == 0)
        return 0;
    (void)snprintf(all, sizeof(all), "its %s %s", member, why);
    return refuse(reader, all);
}

/* ---- its embedding ---- */

static int add_prompt(fd_import_reader *reader, const char *id, struct prompt **ret) {
    struct prompt *prompt = calloc(1, sizeof(*prompt));
    if (!prompt || !(prompt->id = strdup(id))) {
        free(prompt);
        return -ENOMEM;
    }
    prompt->row = HASH_COUNT(reader->prompts);
    HASH_ADD_KEYPTR(hh, reader->prompts, prompt->id, strlen(prompt->id), prompt);
    if (!prompt->hh.tbl) {
        free(prompt->id);
        free(prompt);
        return -ENOMEM;
    }
    *ret = prompt;
    return 0;
}

/* values [prompt_columns] */
static int take_prompt_row(fd_import_reader *reader, const char *prompt_id, float *values) {
    struct prompt *prompt;
    HASH_FIND_STR(reader->prompts, prompt_id, prompt);
    if (!prompt) {
        if (HASH_COUNT(reader->prompts) == reader->prompt_count)
            return refuse(reader, "there are more prompts than prompt embeddings");
        int r = add_prompt(reader, prompt_id, &prompt);
        if (r < 0)
            return r;
    }
    memcpy(values, reader->prompt_rows + prompt->row * reader->prompt_columns,
           reader->prompt_columns * sizeof(float));
    return 0;
}

/* The other lines are counted, for the shape that would be right. */
static int refuse_shape(fd_import_reader *reader) {
    char why[160];
    size_t line = reader->line, lines = line;
    while (getline(&reader->text, &reader->text_size, reader->lines) > 0)
        lines++;
    (void)snprintf(why, sizeof(why),
                   "there are more items than embeddings: expected the shape (%zu, %zu), found "
                   "(%zu, %zu)",
                   lines, fd_npy_columns(reader->embeddings), fd_import_reader_count(reader),
                   fd_npy_columns(reader->embeddings));
    return refuse(reader, why);
}

static int take_embedding(fd_import_reader *reader, const char *prompt_id, float *values) {
    if (!reader->embeddings)
        return 0;
    int r = reader->prompt_rows ? take_prompt_row(reader, prompt_id, values) : 0;
    if (r < 0)
        return r;
    r = fd_npy_read_float(reader->embeddings, 1, values + reader->prompt_columns);
    if (r == -ENODATA)
        return refuse_shape(reader);
    return r;
}

/* ---- reading ---- */

static int apply_map(fd_import_reader *reader, json_t *document) {
    char why[600];
    fd_fault fault = {0};
    int r = fd_row_map_apply(&reader->map, document, &fault);
    (void)snprintf(why, sizeof(why), "%s %s", fault.pointer, fault.detail);
    return r == -EINVAL ? refuse(reader, why) : r;
}

static int take_line(fd_import_reader *reader, size_t length, float *values, fd_import_item *ret) {
    fd_item_row *row = &ret->row;
    *row = (fd_item_row){.dimension = reader->dimension, .created_ms = fd_wall_milliseconds()};
    json_error_t error;
    json_t *document = json_loadb(reader->text, length, JSON_REJECT_DUPLICATES, &error);
    ret->document = document;
    if (!document)
        return refuse(reader, error.text);
    if (!json_is_object(document))
        return refuse(reader, "it is not a JSON object");
    int r = apply_map(reader, document);
    if (r == 0)
        r = take_text(reader, document, "id", &row->id);
    if (r == 0)
        r = take_text(reader, document, "prompt_id", &row->prompt_id);
    if (r == 0)
        r = take_text(reader, document, "prompt", &row->prompt);
    if (r == 0)
        r = take_text(reader, document, "response", &row->response);
    if (r == 0)
        r = take_metadata(reader, ret);
    if (r == 0)
        r = take_scores(reader, ret);
    if (r < 0)
        return r;
    row->metadata = ret->metadata;
    row->embedding = values;
    if (!row->id || !row->prompt_id)
        return refuse(reader, row->id ? "\"prompt_id\" is missing" : "\"id\" is missing");
    r = take_embedding(reader, row->prompt_id, values);
    return r == 0 ? check_rules(reader, row) : r;
}

static int check_counts(const fd_import_reader *reader) {
    size_t rows = fd_import_reader_count(reader);
    if (reader->embeddings && reader->line != rows)
        return fd_fault_set(reader->fault, -EINVAL, "",
                            "there are %zu items and %zu embeddings: expected the shape (%zu, "
                            "%zu), found (%zu, %zu); nothing was imported",
                            reader->line, rows, reader->line, fd_npy_columns(reader->embeddings),
                            rows, fd_npy_columns(reader->embeddings));
    if (reader->prompt_rows && HASH_COUNT(reader->prompts) != reader->prompt_count)
        return fd_fault_set(reader->fault, -EINVAL, "",
                            "there are %u prompts and %zu prompt embeddings; nothing was imported",
                            HASH_COUNT(reader->prompts), reader->prompt_count);
    return 0;
}

int fd_import_reader_next(fd_import_reader *reader, float *values, fd_import_item *ret) {
    memset(ret, 0, sizeof(*ret));
    ssize_t length = getline(&reader->text, &reader->text_size, reader->lines);
    if (length <= 0)
        return ferror(reader->lines) ? -EIO : check_counts(reader);
    reader->line++;
    int r = take_line(reader, (size_t)length, values, ret);
    return r < 0 ? r : 1;
}
