/* Reads a testbed from JSON lines and .npy files. */
#include "testbed_files.h"

#include <errno.h>
#include <fisher/model.h>
#include <jansson.h>
#include <libgen.h>
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
    fd_npy *golden;            /* NULL: none */
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
    if (r == 0 && files->golden)
        r = fd_npy_open(files->golden, &reading->golden, fault);
    if (r < 0)
        return r;
    size_t n = fd_npy_rows(reading->embeddings);
    if (reading->golden &&
        (fd_npy_rows(reading->golden) != n || fd_npy_columns(reading->golden) != 1))
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

/* Copies a member unless *ret is set already; items of a prompt have the same text for it. */
static int copy_text(json_t *document, const char *member, char **ret) {
    const char *text = json_string_value(json_object_get(document, member));
    if (!text || *ret)
        return 0;
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
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
    int r = copy_text(document, "response", &testbed->responses[reading->line - 1]);
    return r < 0 ? r : copy_text(document, "prompt", &testbed->prompt_texts[prompt->number]);
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

/* ---- embeddings ---- */

/* Sets rows [n_prompts] to the row of each prompt in the file of prompt embeddings. */
static int read_prompt_order(struct reading *reading, size_t *rows) {
    const fd_testbed_files *files = reading->files;
    size_t n = reading->testbed->n_prompts, line = 0, found = 0;
    for (size_t k = 0; k < n; k++)
        rows[k] = files->prompts ? SIZE_MAX : k;
    if (!files->prompts)
        return 0;
    FILE *file = fopen(files->prompts, "re");
    FD_FREE char *text = NULL;
    size_t room = 0;
    ssize_t length;
    if (!file)
        return fd_fault_set(reading->fault, -errno, "", "%s cannot be opened: %s", files->prompts,
                            strerror(errno));
    for (; (length = getline(&text, &room, file)) > 0; line++) {
        FD_JSON json_t *document = json_loadb(text, (size_t)length, 0, NULL);
        const char *id = json_string_value(json_object_get(document, "prompt_id"));
        struct known *prompt = NULL;
        if (id)
            HASH_FIND_STR(reading->prompt_by_id, id, prompt);
        if (prompt && rows[prompt->number] == SIZE_MAX) {
            rows[prompt->number] = line;
            found++;
        }
    }
    (void)fclose(file);
    if (found < n)
        return fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu of the %zu prompts of %s",
                            files->prompts, found, n, files->items);
    return 0;
}

static int read_prompt_rows(struct reading *reading, size_t *order, float **ret) {
    fd_npy *npy = reading->prompt_embeddings;
    const fd_testbed_files *files = reading->files;
    size_t n = fd_npy_rows(npy), n_prompts = reading->testbed->n_prompts;
    *ret = reallocarray(NULL, n + 1, (fd_npy_columns(npy) + 1) * sizeof(**ret));
    if (!*ret)
        return -ENOMEM;
    int r = read_prompt_order(reading, order);
    if (r == 0 && !files->prompts && n != n_prompts)
        r = fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu rows for %zu prompts",
                         files->prompt_embeddings, n, n_prompts);
    for (size_t k = 0; r == 0 && k < n_prompts; k++)
        if (order[k] >= n)
            r = fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu rows, and %s more lines",
                             files->prompt_embeddings, n, files->prompts);
    return r == 0 ? fd_npy_read_float(npy, n, *ret) : r;
}

/* An item's embedding is that of its prompt, followed by its own. */
static int read_embeddings(struct reading *reading) {
    fd_testbed *testbed = reading->testbed;
    size_t prompt_columns =
        reading->prompt_embeddings ? fd_npy_columns(reading->prompt_embeddings) : 0;
    FD_FREE size_t *order = calloc(testbed->n_prompts + 1, sizeof(*order));
    FD_FREE float *prompt_rows = NULL;
    if (!order)
        return -ENOMEM;
    testbed->prompt_dimension = prompt_columns;
    int r = reading->prompt_embeddings ? read_prompt_rows(reading, order, &prompt_rows) : 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < testbed->n_items; i++) {
        float *row = testbed->embeddings + i * testbed->dimension;
        if (prompt_rows)
            memcpy(row, prompt_rows + order[testbed->prompts[i]] * prompt_columns,
                   prompt_columns * sizeof(*row));
        r = fd_npy_read_float(reading->embeddings, 1, row + prompt_columns);
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

/* ---- what is known about the items ---- */

static int read_golden(struct reading *reading) {
    fd_testbed *testbed = reading->testbed;
    if (!reading->golden) {
        free(testbed->golden);
        testbed->golden = NULL;
        return 0;
    }
    int r = fd_npy_read(reading->golden, testbed->n_items, testbed->golden);
    for (size_t i = 0; r == 0 && i < testbed->n_items; i++)
        if (!isfinite(testbed->golden[i]))
            return fd_fault_set(reading->fault, -EINVAL, "", "%s: reward %zu is not finite",
                                reading->files->golden, i);
    return r;
}

static int read_votes(struct reading *reading) {
    const fd_testbed_files *files = reading->files;
    fd_testbed *testbed = reading->testbed;
    return files->votes ? fd_recorded_votes_read(files->votes, testbed->n_items, testbed->ids,
                                                 &testbed->votes, reading->fault)
                        : 0;
}

static int note_names(struct reading *reading) {
    const char *name = reading->files->embedding_name;
    fd_testbed *testbed = reading->testbed;
    FD_FREE char *items = strdup(reading->files->items);
    char *copy = strdup(name ? name : "");
    testbed->folder = items ? strdup(dirname(items)) : NULL;
    if (copy) {
        free(testbed->embedding_name);
        testbed->embedding_name = copy;
    }
    return copy && testbed->folder ? 0 : -ENOMEM;
}

int fd_testbed_read(const fd_testbed_files *files, fd_testbed *ret, fd_fault *fault) {
    static int (*const steps[])(struct reading *) = {open_files,      read_lines,  note_names,
                                                     read_embeddings, read_golden, read_votes};
    FD_CLEANUP(fd_testbed_clear) fd_testbed testbed = {0};
    FD_CLEANUP(reading_clear)
    struct reading reading = {.files = files, .testbed = &testbed, .fault = fault};
    int r = 0;
    for (size_t i = 0; r == 0 && i < FD_LENGTH(steps); i++)
        r = steps[i](&reading);
    if (r < 0)
        return r;
    fd_testbed_complete(&testbed);
    *ret = testbed;
    memset(&testbed, 0, sizeof(testbed));
    return 0;
}
