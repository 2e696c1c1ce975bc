/* Turns item ids and inline embeddings into rows, under a short lock. */
#include "item_lookup.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "engine_state.h"
#include "item_text_features.h"
#include "thread.h"

/* Finds the rows of the references with an id, and numbers those with an embedding. */
static int find_rows(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                     const char *const *names, size_t members, const fd_item_reference *references,
                     size_t n, fd_item_rows *found, fd_fault *fault) {
    size_t dimension = fi_model_shape(snapshot->served->model)->inputs;
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < n; i++) {
        const char *name = names ? names[i % members] : NULL;
        if (references[i].id) {
            uint32_t row = fd_item_table_find(&engine->items, references[i].id);
            /* The snapshot may be a moment older than the table. */
            if (row >= snapshot->items) /* FD_NO_ROW is the largest number */
                return fd_fault_set_at(fault, -EINVAL, list, i / members, name,
                                       "there is no item \"%s\"", references[i].id);
            found->rows[i] = row;
        } else if (references[i].dimension != dimension) {
            return fd_fault_set_at(
                fault, -EINVAL, list, i / members, name,
                "the embedding has %zu numbers; the items of this daemon have %zu",
                references[i].dimension, dimension);
        } else {
            found->rows[i] = (uint32_t)(snapshot->items + found->n_extra++);
        }
    }
    return 0;
}

static int make_extra(size_t dimension, fd_item_rows *found) {
    size_t n = found->n_extra;
    found->extra = reallocarray(NULL, n, dimension * sizeof(float));
    found->extra_text_features = reallocarray(NULL, n, FD_TEXT_FEATURES * sizeof(float));
    found->extra_scores = reallocarray(NULL, n, FD_SCORE_NAMES_MAX * sizeof(float));
    found->extra_prompts = reallocarray(NULL, n, sizeof(*found->extra_prompts));
    bool complete =
        found->extra && found->extra_text_features && found->extra_scores && found->extra_prompts;
    return complete ? 0 : -ENOMEM;
}

static uint32_t prompt_of(const fd_engine *engine, const fd_inline_texts *texts) {
    const fd_prompt *prompt = texts && texts->prompt_id
                                  ? fd_item_table_find_prompt(&engine->items, texts->prompt_id)
                                  : NULL;
    return prompt ? fd_prompt_number(&engine->items, prompt) : FI_NO_GROUP;
}

/* scores [FD_SCORE_NAMES_MAX] */
static void number_scores(const fd_score_names *names, const fd_item_reference *reference,
                          float *scores) {
    for (size_t i = 0; i < FD_SCORE_NAMES_MAX; i++)
        scores[i] = NAN;
    for (size_t i = 0; i < reference->n_scores; i++) {
        uint32_t name;
        if (fd_score_names_find(names, names->count, reference->scores[i].name, &name) == 0)
            scores[name] = (float)reference->scores[i].value;
    }
}

/* The prompts and the scores of inline items, as the tables have them. */
static void find_extra_in_tables(fd_engine *engine, const fd_item_reference *references, size_t n,
                                 uint32_t *prompts, float *scores) {
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < n; i++) {
        if (references[i].id)
            continue;
        *prompts++ = prompt_of(engine, references[i].texts);
        number_scores(&engine->scores.names, &references[i], scores);
        scores += FD_SCORE_NAMES_MAX;
    }
}

static int count_extra_texts(fd_engine *engine, const fd_item_reference *references, size_t n,
                             float *features) {
    FD_CLEANUP(fd_text_extractor_freep) fd_text_extractor *extractor = NULL;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        const fd_item_reference *reference = &references[i];
        fd_inline_texts texts = reference->texts ? *reference->texts : (fd_inline_texts){0};
        fd_item_row row = {.prompt = texts.prompt,
                           .response = texts.response,
                           .embedding = reference->embedding,
                           .dimension = reference->dimension};
        if (reference->id)
            continue;
        if (!extractor && fd_item_has_texts(&row))
            r = fd_text_extractor_new(&extractor);
        if (r == 0)
            r = fd_text_features_inline(extractor, &engine->options, &row, features);
        features += FD_TEXT_FEATURES;
    }
    return r;
}

static int copy_extra(fd_engine *engine, const fd_snapshot *snapshot,
                      const fd_item_reference *references, size_t n, fd_item_rows *found) {
    size_t dimension = fi_model_shape(snapshot->served->model)->inputs;
    if (found->n_extra == 0)
        return 0;
    int r = make_extra(dimension, found);
    if (r < 0)
        return r;
    find_extra_in_tables(engine, references, n, found->extra_prompts, found->extra_scores);
    float *next = found->extra;
    for (size_t i = 0; i < n; i++) {
        if (references[i].id)
            continue;
        memcpy(next, references[i].embedding, dimension * sizeof(float));
        next += dimension;
    }
    return count_extra_texts(engine, references, n, found->extra_text_features);
}

int fd_item_lookup(fd_engine *engine, const fd_snapshot *snapshot, const char *list,
                   const char *const *names, size_t members, const fd_item_reference *references,
                   size_t n, fd_item_rows *ret, fd_fault *fault) {
    FD_CLEANUP(fd_item_rows_clear) fd_item_rows found = {0};
    found.rows = calloc(n ? n : 1, sizeof(*found.rows));
    if (!found.rows)
        return -ENOMEM;
    int r = find_rows(engine, snapshot, list, names, members, references, n, &found, fault);
    if (r == 0)
        r = copy_extra(engine, snapshot, references, n, &found);
    if (r < 0)
        return r;
    *ret = found;
    memset(&found, 0, sizeof(found));
    return 0;
}

void fd_item_rows_clear(fd_item_rows *rows) {
    free(rows->rows);
    free(rows->extra);
    free(rows->extra_text_features);
    free(rows->extra_scores);
    free(rows->extra_prompts);
    memset(rows, 0, sizeof(*rows));
}

/* ---- prompts ---- */

/* Rows that are looked up at once: labels wait meanwhile. */
enum { ROWS_AT_ONCE = 4096 };

/* `rows` NULL: the rows first, first + 1, …. */
static void find_prompts(fd_engine *engine, size_t items, const uint32_t *rows, size_t first,
                         size_t end, uint32_t *prompts) {
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = first; i < end; i++) {
        size_t row = rows ? rows[i] : i;
        prompts[i] = row < items ? engine->items.entries[row].prompt : FI_NO_GROUP;
    }
}

static void find_all_prompts(fd_engine *engine, size_t items, const uint32_t *rows, size_t n,
                             uint32_t *prompts) {
    for (size_t i = 0; i < n; i += ROWS_AT_ONCE)
        find_prompts(engine, items, rows, i, i + ROWS_AT_ONCE < n ? i + ROWS_AT_ONCE : n, prompts);
}

void fd_item_prompts_of(fd_engine *engine, const fd_snapshot *snapshot, const uint32_t *rows,
                        size_t n, uint32_t *prompts) {
    find_all_prompts(engine, snapshot->items, rows, n, prompts);
}

int fd_item_prompts(fd_engine *engine, const fd_snapshot *snapshot, uint32_t **ret) {
    uint32_t *prompts = calloc(snapshot->items + 1, sizeof(*prompts));
    if (!prompts)
        return -ENOMEM;
    find_all_prompts(engine, snapshot->items, NULL, snapshot->items, prompts);
    *ret = prompts;
    return 0;
}
