/* Reads a testbed from JSON lines and .npy files. */
#include "testbed_files.h"

#include <errno.h>
#include <fisher/model.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "json_tree.h"
#include "npy.h"

/* An item or a prompt, by its id. */
struct known {
    size_t number;
    UT_hash_handle hh;
};

struct reading {
    const fd_testbed_files *files;
    fd_testbed *testbed;
    fd_npy *embeddings;
    fd_npy *prompt_embeddings; /* NULL: none */
    fd_npy *golden;
    FILE *lines;
    size_t line;
    struct known *item_by_id, *items;     /* [n_items] */
    struct known *prompt_by_id, *prompts; /* [n_items] */
    fd_fault *fault;
};

static void reading_clear(struct reading *reading) {
    HASH_CLEAR(hh, reading->item_by_id);
    HASH_CLEAR(hh, reading->prompt_by_id);
    free(reading->items);
    free(reading->prompts);
    if (reading->embeddings)
        fd_npy_close(reading->embeddings);
    if (reading->prompt_embeddings)
        fd_npy_close(reading->prompt_embeddings);
    if (reading->golden)
        fd_npy_close(reading->golden);
    if (reading->lines)
        (void)fclose(reading->lines);
}

static int refuse(const struct reading *reading, const char *why) {
    return fd_fault_set(reading->fault, -EINVAL, "", "%s, line %zu: %s", reading->files->items,
                        reading->line, why);
}

static int open_files(struct reading *reading) {
    const fd_testbed_files *files = reading->files;
    fd_fault *fault = reading->fault;
    if (strpbrk(files->name, ",\"\n\r"))
        return fd_fault_set(fault, -EINVAL, "",
                            "\"%.60s\" goes into a CSV file: it may not have commas or quotes",
                            files->name);
    reading->lines = fopen(files->items, "re");
    if (!reading->lines)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", files->items,
                            strerror(errno));
    int r = fd_npy_open(files->embeddings, &reading->embeddings, fault);
    if (r == 0 && files->prompt_embeddings)
        r = fd_npy_open(files->prompt_embeddings, &reading->prompt_embeddings, fault);
    if (r == 0)
        r = fd_npy_open(files->golden, &reading->golden, fault);
    if (r < 0)
        return r;
    size_t n = fd_npy_rows(reading->embeddings);
    if (fd_npy_rows(reading->golden) != n || fd_npy_columns(reading->golden) != 1)
        return fd_fault_set(
            fault, -EINVAL, "",
            "%s has %zu rows of %zu numbers; it needs one number for each of the %zu "
            "embeddings",
            files->golden, fd_npy_rows(reading->golden), fd_npy_columns(reading->golden), n);
    size_t dimension = fd_npy_columns(reading->embeddings);
    if (reading->prompt_embeddings)
        dimension += fd_npy_columns(reading->prompt_embeddings);
    if (dimension < 1 || dimension > FI_INPUTS_MAX)
        return fd_fault_set(fault, -EINVAL, "", "an embedding has 1 to %d numbers, these have %zu",
                            FI_INPUTS_MAX, dimension);
    reading->items = calloc(n + 1, sizeof(*reading->items));
    reading->prompts = calloc(n + 1, sizeof(*reading->prompts));
    if (!reading->items || !reading->prompts)
        return -ENOMEM;
    return fd_testbed_reserve(reading->testbed, files->name, n, dimension);
}

/* Finds the entry of an id. A new id takes the next one of `entries`, and *copy gets a copy of it.
 * NULL: no memory. */
static struct known *take_id(struct known **by_id, struct known *entries, const char *id,
                             char **copy) {
    struct known *known;
    HASH_FIND_STR(*by_id, id, known);
    if (known)
        return known;
    size_t number = HASH_COUNT(*by_id);
    *copy = strdup(id);
    if (!*copy)
        return NULL;
    known = &entries[number];
    known->number = number;
    HASH_ADD_KEYPTR(hh, *by_id, *copy, strlen(*copy), known);
    return known->hh.tbl ? known : NULL;
}

static int take_line(struct reading *reading, const char *text, size_t length) {
    fd_testbed *testbed = reading->testbed;
    json_error_t error;
    if (reading->line > testbed->n_items)
        return refuse(reading, "there are more items than embeddings");
    FD_JSON json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return refuse(reading, error.text);
    const char *id = json_string_value(json_object_get(document, "id"));
    const char *prompt_id = json_string_value(json_object_get(document, "prompt_id"));
    if (!id || !prompt_id)
        return refuse(reading, "\"id\" and \"prompt_id\" must be texts");
    struct known *item =
        take_id(&reading->item_by_id, reading->items, id, &testbed->ids[reading->line - 1]);
    struct known *prompt = take_id(&reading->prompt_by_id, reading->prompts, prompt_id,
                                   &testbed->prompt_ids[testbed->n_prompts]);
    if (!item || !prompt)
        return -ENOMEM;
    if (item->number != reading->line - 1)
        return refuse(reading, "an earlier item has the same \"id\"");
    testbed->prompts[reading->line - 1] = (uint32_t)prompt->number;
    testbed->n_prompts = HASH_COUNT(reading->prompt_by_id);
    return 0;
}

static int read_lines(struct reading *reading) {
    FD_FREE char *text = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&text, &room, reading->lines)) > 0) {
        reading->line++;
        int r = take_line(reading, text, (size_t)length);
        if (r < 0)
            return r;
    }
    if (ferror(reading->lines))
        return -EIO;
    if (reading->line != reading->testbed->n_items)
        return fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu items, %s %zu embeddings",
                            reading->files->items, reading->line, reading->files->embeddings,
                            reading->testbed->n_items);
    return 0;
}

/* An item's embedding is that of its prompt, followed by its own. */
static int read_embeddings(struct reading *reading) {
    fd_testbed *testbed = reading->testbed;
    size_t prompt_columns =
        reading->prompt_embeddings ? fd_npy_columns(reading->prompt_embeddings) : 0;
    FD_FREE float *prompt_rows =
        reallocarray(NULL, testbed->n_prompts + 1, (prompt_columns + 1) * sizeof(*prompt_rows));
    if (!prompt_rows)
        return -ENOMEM;
    if (reading->prompt_embeddings) {
        if (fd_npy_rows(reading->prompt_embeddings) != testbed->n_prompts)
            return fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu rows for %zu prompts",
                                reading->files->prompt_embeddings,
                                fd_npy_rows(reading->prompt_embeddings), testbed->n_prompts);
        int r = fd_npy_read_float(reading->prompt_embeddings, testbed->n_prompts, prompt_rows);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < testbed->n_items; i++) {
        float *row = testbed->embeddings + i * testbed->dimension;
        memcpy(row, prompt_rows + testbed->prompts[i] * prompt_columns,
               prompt_columns * sizeof(*row));
        int r = fd_npy_read_float(reading->embeddings, 1, row + prompt_columns);
        if (r < 0)
            return r;
        for (size_t j = 0; j < testbed->dimension; j++)
            if (!(fabsf(row[j]) <= FI_EMBEDDING_MAX))
                return fd_fault_set(reading->fault, -EINVAL, "",
                                    "the embedding of \"%s\" has a number that is not finite or "
                                    "too large",
                                    testbed->ids[i]);
    }
    return 0;
}

static int read_golden(struct reading *reading) {
    fd_testbed *testbed = reading->testbed;
    int r = fd_npy_read(reading->golden, testbed->n_items, testbed->rewards[FD_REWARD_JUDGE]);
    for (size_t i = 0; r == 0 && i < testbed->n_items; i++)
        if (!isfinite(testbed->rewards[FD_REWARD_JUDGE][i]))
            return fd_fault_set(reading->fault, -EINVAL, "", "%s: reward %zu is not finite",
                                reading->files->golden, i);
    return r;
}

int fd_testbed_read(const fd_testbed_files *files, fd_testbed *ret, fd_fault *fault) {
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    FD_CLEANUP(reading_clear)
    struct reading reading = {.files = files, .testbed = &testbed, .fault = fault};
    int r = open_files(&reading);
    if (r == 0)
        r = read_lines(&reading);
    if (r == 0)
        r = read_embeddings(&reading);
    if (r == 0)
        r = read_golden(&reading);
    if (r == 0)
        r = fd_testbed_complete(&testbed);
    if (r < 0)
        return r;
    *ret = testbed;
    memset(&testbed, 0, sizeof(testbed));
    return 0;
}
