/* Reads the data of tasks, and makes items of their texts. */
#include "label_studio_tasks.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "text_embeddings.h"
#include "text_items.h"

enum { TASKS_AT_ONCE = FD_TEXTS_MAX / 2 };

static const char prefix[] = "ls-";

size_t fd_task_list_count(const fd_task_list *tasks) {
    return json_is_array(tasks->value) ? json_array_size(tasks->value) : 1;
}

const json_t *fd_task_list_get(const fd_task_list *tasks, size_t i) {
    return json_is_array(tasks->value) ? json_array_get(tasks->value, i) : tasks->value;
}

/* ---- faults ---- */

int fd_task_list_fault(const fd_task_list *tasks, size_t i, const char *member, const char *detail,
                       fd_fault *fault) {
    const fd_path list = {.name = tasks->name};
    const fd_path element = {.parent = &list, .index = i};
    const fd_path data = {.parent = json_is_array(tasks->value) ? &element : &list, .name = "data"};
    return member ? fd_json_member_fault(fault, &data, member, detail)
                  : fd_json_fault(fault, &data, "%s", detail);
}

/* A fault about row k of the items that tasks from `first` on are made of. */
static int locate(const fd_task_list *tasks, const size_t *task_of_row, int error,
                  fd_fault *fault) {
    static const char list[] = "/items/";
    const fd_fault told = *fault;
    if (strncmp(told.pointer, list, sizeof(list) - 1) != 0)
        return error;
    size_t row = strtoul(told.pointer + sizeof(list) - 1, NULL, 10);
    (void)fd_task_list_fault(tasks, task_of_row[row], row % 2 == 0 ? "text1" : "text2", told.detail,
                             fault);
    return error;
}

/* ---- ids of texts ---- */

static void hash_text(crypto_generichash_state *state, const char *text) {
    unsigned char is_given = text != NULL;
    (void)crypto_generichash_update(state, &is_given, 1);
    if (text)
        (void)crypto_generichash_update(state, (const unsigned char *)text, strlen(text) + 1);
}

static void make_id(const char *first, const char *second, const char *third,
                    char id[static FD_MADE_ID_SIZE]) {
    unsigned char hash[16];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
    hash_text(&state, first);
    hash_text(&state, second);
    hash_text(&state, third);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(id, prefix, sizeof(prefix) - 1);
    (void)sodium_bin2hex(id + sizeof(prefix) - 1, FD_MADE_ID_SIZE - (sizeof(prefix) - 1), hash,
                         sizeof(hash));
}

/* ---- the data of a task ---- */

/* NULL where the data lack it. */
static int read_text(const json_t *data, const fd_task_list *tasks, size_t i, const char *name,
                     const char **ret, fd_fault *fault) {
    const json_t *value = json_object_get(data, name);
    char why[FD_RULE_SIZE];
    *ret = NULL;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return fd_task_list_fault(tasks, i, name, "must be a text", fault);
    if (fd_text_rule(json_string_value(value), json_string_length(value), why) < 0)
        return fd_task_list_fault(tasks, i, name, why, fault);
    *ret = json_string_value(value);
    return 0;
}

static int read_id(const json_t *data, const fd_task_list *tasks, size_t i, const char *name,
                   const char **ret, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    int r = read_text(data, tasks, i, name, ret, fault);
    if (r == 0 && *ret && fd_reference_rule(strlen(*ret), why) < 0)
        r = fd_task_list_fault(tasks, i, name, why, fault);
    return r;
}

/* The rows of the two items that the texts make. */
static int read_texts(const json_t *data, const fd_task_list *tasks, size_t i, fd_task_pair *pair,
                      fd_item_row rows[static 2], fd_fault *fault) {
    const char *prompt_id, *prompt, *text1, *text2;
    char why[FD_RULE_SIZE];
    int r = read_text(data, tasks, i, "prompt_id", &prompt_id, fault);
    if (r == 0 && prompt_id && fd_id_rule(prompt_id, strlen(prompt_id), why) < 0)
        r = fd_task_list_fault(tasks, i, "prompt_id", why, fault);
    if (r == 0)
        r = read_text(data, tasks, i, "prompt", &prompt, fault);
    if (r == 0)
        r = read_text(data, tasks, i, "text1", &text1, fault);
    if (r == 0)
        r = read_text(data, tasks, i, "text2", &text2, fault);
    if (r < 0)
        return r;
    if ((text1 && text1[0] == '\0') || (text2 && text2[0] == '\0'))
        return fd_task_list_fault(tasks, i, text1 && text1[0] == '\0' ? "text1" : "text2",
                                  "must not be empty", fault);
    if (!text1 || !text2)
        return fd_task_list_fault(tasks, i, NULL,
                                  "needs text1 and text2, or the ids of two items as item1 and "
                                  "item2",
                                  fault);
    /* Without a prompt the two stand beside each other alone. */
    if (!prompt_id) {
        make_id(prompt, prompt ? NULL : text1, prompt ? NULL : text2, pair->made_prompt);
        prompt_id = pair->made_prompt;
    }
    make_id(prompt_id, prompt, text1, pair->made_a);
    make_id(prompt_id, prompt, text2, pair->made_b);
    pair->a = pair->made_a;
    pair->b = pair->made_b;
    rows[0] =
        (fd_item_row){.id = pair->a, .prompt_id = prompt_id, .prompt = prompt, .response = text1};
    rows[1] =
        (fd_item_row){.id = pair->b, .prompt_id = prompt_id, .prompt = prompt, .response = text2};
    return 0;
}

static int read_task(const fd_request *request, const fd_task_list *tasks, size_t i,
                     fd_task_pair *pair, fd_item_row rows[static 2], bool *ret_has_texts,
                     fd_fault *fault) {
    const json_t *data = json_object_get(fd_task_list_get(tasks, i), "data");
    *ret_has_texts = false;
    if (!json_is_object(data))
        return fd_task_list_fault(tasks, i, NULL, "must be an object", fault);
    int r = read_id(data, tasks, i, "item1", &pair->a, fault);
    if (r == 0)
        r = read_id(data, tasks, i, "item2", &pair->b, fault);
    if (r < 0 || (pair->a && pair->b))
        return r;
    *ret_has_texts = true;
    if (!request->embedder)
        return fd_task_list_fault(tasks, i, NULL,
                                  "needs the ids of two items as item1 and item2: the daemon has "
                                  "no embedder for texts",
                                  fault);
    return read_texts(data, tasks, i, pair, rows, fault);
}

/* ---- tasks ---- */

/* The items of some tasks; the rows own their embeddings. */
typedef struct made_items {
    fd_item_row rows[2 * TASKS_AT_ONCE];
    size_t task_of_row[2 * TASKS_AT_ONCE];
    size_t n;
} made_items;

static void made_items_free(made_items *made) {
    for (size_t i = 0; i < made->n; i++)
        free((float *)made->rows[i].embedding);
    free(made);
}
FD_DEFINE_CLEANUP(made_items, made_items_free)

static int find_some(const fd_request *request, const fd_task_list *tasks, size_t first, size_t end,
                     fd_task_pair *pairs, size_t *created, fd_fault *fault) {
    FD_CLEANUP(made_items_freep) made_items *made = calloc(1, sizeof(*made));
    fd_added added = {0};
    int r = made ? 0 : -ENOMEM;
    for (size_t i = first; i < end && r == 0; i++) {
        bool has_texts;
        r = read_task(request, tasks, i, &pairs[i], &made->rows[made->n], &has_texts, fault);
        if (r == 0 && has_texts) {
            made->task_of_row[made->n++] = i;
            made->task_of_row[made->n++] = i;
        }
    }
    if (r < 0 || made->n == 0)
        return r;
    r = fd_text_items_add(request, made->rows, made->n, NULL, &added, fault);
    *created += added.created;
    return r < 0 ? locate(tasks, made->task_of_row, r, fault) : 0;
}

int fd_task_pairs_find(const fd_request *request, const fd_task_list *tasks, fd_task_pair *pairs,
                       size_t *ret_created, fd_fault *fault) {
    size_t n = fd_task_list_count(tasks);
    int r = 0;
    *ret_created = 0;
    for (size_t first = 0; first < n && r == 0; first += TASKS_AT_ONCE) {
        size_t end = n - first < TASKS_AT_ONCE ? n : first + TASKS_AT_ONCE;
        r = find_some(request, tasks, first, end, pairs, ret_created, fault);
    }
    return r;
}
