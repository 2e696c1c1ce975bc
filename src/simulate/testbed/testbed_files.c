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
#include "testbed.h"

/* An item or a prompt, by its id. */
struct known {
    size_t number;
    UT_hash_handle hh;
};

struct reading {
    const fd_testbed_files *files;
    fd_testbed *data;
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

static int complain(const struct reading *reading, const char *what) {
    return fd_fault_set(reading->fault, -EINVAL, "", "%s, line %zu: %s", reading->files->items,
                        reading->line, what);
}

static int open_files(struct reading *reading) {
    const fd_testbed_files *files = reading->files;
    fd_fault *fault = reading->fault;
    if (strpbrk(files->name, ",\"\n\r"))
        return fd_fault_set(fault, -EINVAL, "",
                            "\"%.60s\" stands in a CSV file: no commas or quotes", files->name);
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
        return fd_fault_set(fault, -EINVAL, "",
                            "%s has %zu rows of %zu numbers; the %zu embeddings need as many rows "
                            "of one",
                            files->golden, fd_npy_rows(reading->golden),
                            fd_npy_columns(reading->golden), n);
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
    return fd_testbed_reserve(reading->data, files->name, n, dimension);
}

/* The entry of an id, one of `entries` if it is new: its copy of the id is then in *copy. */
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
    fd_testbed *data = reading->data;
    json_error_t error;
    if (reading->line > data->n_items)
        return complain(reading, "there are more items than embeddings");
    FD_JSON json_t *document = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        return complain(reading, error.text);
    const char *id = json_string_value(json_object_get(document, "id"));
    const char *prompt_id = json_string_value(json_object_get(document, "prompt_id"));
    if (!id || !prompt_id)
        return complain(reading, "\"id\" and \"prompt_id\" must be texts");
    struct known *item =
        take_id(&reading->item_by_id, reading->items, id, &data->ids[reading->line - 1]);
    struct known *prompt = take_id(&reading->prompt_by_id, reading->prompts, prompt_id,
                                   &data->prompt_ids[data->n_prompts]);
    if (!item || !prompt)
        return -ENOMEM;
    if (item->number != reading->line - 1)
        return complain(reading, "an earlier item has the same \"id\"");
    data->prompts[reading->line - 1] = (uint32_t)prompt->number;
    data->n_prompts = HASH_COUNT(reading->prompt_by_id);
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
    if (reading->line != reading->data->n_items)
        return fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu items, %s %zu embeddings",
                            reading->files->items, reading->line, reading->files->embeddings,
                            reading->data->n_items);
    return 0;
}

/* The prompt's numbers, then the response's. */
static int read_embeddings(struct reading *reading) {
    fd_testbed *data = reading->data;
    size_t before = reading->prompt_embeddings ? fd_npy_columns(reading->prompt_embeddings) : 0;
    FD_FREE float *of_prompts =
        reallocarray(NULL, data->n_prompts + 1, (before + 1) * sizeof(*of_prompts));
    if (!of_prompts)
        return -ENOMEM;
    if (reading->prompt_embeddings) {
        if (fd_npy_rows(reading->prompt_embeddings) != data->n_prompts)
            return fd_fault_set(reading->fault, -EINVAL, "", "%s has %zu rows for %zu prompts",
                                reading->files->prompt_embeddings,
                                fd_npy_rows(reading->prompt_embeddings), data->n_prompts);
        int r = fd_npy_read_float(reading->prompt_embeddings, data->n_prompts, of_prompts);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < data->n_items; i++) {
        float *row = data->embeddings + i * data->dimension;
        memcpy(row, of_prompts + data->prompts[i] * before, before * sizeof(*row));
        int r = fd_npy_read_float(reading->embeddings, 1, row + before);
        if (r < 0)
            return r;
        for (size_t j = 0; j < data->dimension; j++)
            if (!(fabsf(row[j]) <= FI_EMBEDDING_MAX))
                return fd_fault_set(reading->fault, -EINVAL, "",
                                    "the embedding of \"%s\" has a number that is not finite or "
                                    "too large",
                                    data->ids[i]);
    }
    return 0;
}

static int read_golden(struct reading *reading) {
    fd_testbed *data = reading->data;
    int r = fd_npy_read(reading->golden, data->n_items, data->rewards[FD_REWARD_JUDGE]);
    for (size_t i = 0; r == 0 && i < data->n_items; i++)
        if (!isfinite(data->rewards[FD_REWARD_JUDGE][i]))
            return fd_fault_set(reading->fault, -EINVAL, "", "%s: reward %zu is not finite",
                                reading->files->golden, i);
    return r;
}

int fd_testbed_read(const fd_testbed_files *files, fd_testbed *ret, fd_fault *fault) {
    FD_CLEANUP(fd_testbed_clear) fd_testbed data = {0};
    FD_CLEANUP(reading_clear)
    struct reading reading = {.files = files, .data = &data, .fault = fault};
    int r = open_files(&reading);
    if (r == 0)
        r = read_lines(&reading);
    if (r == 0)
        r = read_embeddings(&reading);
    if (r == 0)
        r = read_golden(&reading);
    if (r == 0)
        r = fd_testbed_complete(&data);
    if (r < 0)
        return r;
    *ret = data;
    memset(&data, 0, sizeof(data));
    return 0;
}
