/* Checks items before a job takes them, and stores the job. */
#include "items_job.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "embedding_steps.h"
#include "embedding_worker.h"
#include "item_rules.h"
#include "items.h"
#include "job_json.h"
#include "log.h"
#include "prior_scores.h"
#include "score_names.h"
#include "text_embeddings.h"

/* ---- checks ---- */

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_content(const fd_item_row *a, const fd_item_row *b) {
    bool same = same_text(a->prompt_id, b->prompt_id) && same_text(a->prompt, b->prompt) &&
                same_text(a->response, b->response) && same_text(a->metadata, b->metadata);
    if (!same || !a->embedding || !b->embedding)
        return same;
    return a->dimension == b->dimension &&
           memcmp(a->embedding, b->embedding, a->dimension * sizeof(*a->embedding)) == 0;
}

static int refuse_id(const fd_item_row *row, size_t index, const char *where, fd_fault *fault) {
    return fd_fault_set_at(fault, -EEXIST, "items", index, "id",
                           "item \"%s\" %s with other content; items cannot be changed", row->id,
                           where);
}

static int compare_ids(const void *a, const void *b) {
    const fd_item_row *const *first = a, *const *second = b;
    int order = strcmp((*first)->id, (*second)->id);
    return order != 0 ? order : (*first > *second) - (*first < *second);
}

/* The same id may come twice, with the same content. */
static int check_repeats(const fd_new_items *rows, fd_fault *fault) {
    FD_FREE const fd_item_row **sorted = calloc(rows->n ? rows->n : 1, sizeof(*sorted));
    if (!sorted)
        return -ENOMEM;
    for (size_t i = 0; i < rows->n; i++)
        sorted[i] = &rows->list[i];
    qsort(sorted, rows->n, sizeof(*sorted), compare_ids);
    for (size_t i = 1; i < rows->n; i++)
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0 &&
            !same_content(sorted[i - 1], sorted[i]))
            return refuse_id(sorted[i], (size_t)(sorted[i] - rows->list), "comes twice", fault);
    return 0;
}

struct comparison {
    const fd_item_row *row;
    bool is_same;
};

static int compare_stored(void *context, const fd_item_row *stored) {
    struct comparison *comparison = context;
    comparison->is_same = same_content(comparison->row, stored);
    return 0;
}

static int check_stored(const fd_request *request, const fd_new_items *rows, size_t i,
                        fd_fault *fault) {
    struct comparison comparison = {&rows->list[i], true};
    int r = fd_engine_item_read(request->engine, rows->list[i].id, rows->list[i].embedding != NULL,
                                compare_stored, &comparison);
    if (r == -ENOENT)
        return 0;
    return r == 0 && !comparison.is_same ? refuse_id(&rows->list[i], i, "exists already", fault)
                                         : r;
}

static int check_rules(const fd_new_items *rows, size_t i, fd_fault *fault) {
    fd_item_row row = rows->list[i];
    char why[FD_RULE_SIZE];
    const char *member;
    row.dimension = row.embedding ? row.dimension : 1;
    int r = fd_item_rule(&row, &member, why);
    return r < 0 ? fd_fault_set_at(fault, r, "items", i, member, "%s", why) : 0;
}

static int take_dimension(void *context, const fd_item_row *row) {
    size_t *dimension = context;
    *dimension = row->dimension;
    return 0;
}

/* Of the stored items, or of the embedder; 0: nobody knows yet. */
static int find_dimension(const fd_request *request, const fd_new_items *rows, size_t *ret,
                          fd_fault *fault) {
    static const double patience_seconds = 2;
    const fd_patience patience = {
        .deadline = fd_monotonic_seconds() + patience_seconds,
        .go_on = request->is_awaited,
        .context = request->await_context,
    };
    fd_embedder_identity embedder;
    int r = fd_text_embeddings_identify(request->engine, request->embedder, &patience, true,
                                        &embedder, fault);
    *ret = 0;
    if (r == 0)
        *ret = embedder.dimension;
    if (r == 0)
        return fd_embedding_steps_check_size(rows->n, embedder.dimension, fault);
    if (r != -EAGAIN)
        return r;
    *fault = (fd_fault){0}; /* the job waits until the embedder can be used */
    return fd_engine_items_read(request->engine, 0, 1, false, take_dimension, ret);
}

static int check_dimensions(const fd_request *request, const fd_new_items *rows, fd_fault *fault) {
    size_t dimension;
    int r = find_dimension(request, rows, &dimension, fault);
    for (size_t i = 0; i < rows->n && r == 0; i++) {
        const fd_item_row *row = &rows->list[i];
        if (!row->embedding)
            continue;
        if (dimension != 0 && row->dimension != dimension)
            return fd_fault_set_at(fault, -EINVAL, "items", i, "embedding",
                                   "has %zu numbers; the items of this daemon have %zu",
                                   row->dimension, dimension);
        dimension = row->dimension;
    }
    return r;
}

/* Adds a name that is not among the first *n. -ENOSPC: there is no room. */
static int take_name(const char *names[static FD_SCORE_NAMES_MAX], size_t *n, const char *name) {
    for (size_t i = 0; i < *n; i++)
        if (strcmp(names[i], name) == 0)
            return 0;
    if (*n == FD_SCORE_NAMES_MAX)
        return -ENOSPC;
    names[(*n)++] = name;
    return 0;
}

static int check_scores(const fd_request *request, const fd_new_items *rows, fd_fault *fault) {
    fd_score_counts known = fd_engine_score_counts(request->engine);
    for (size_t i = 0; i < rows->n; i++)
        for (size_t s = 0; s < rows->list[i].n_scores; s++) {
            const fd_item_score *score = &rows->list[i].scores[s];
            if (!isnan(score->value) && take_name(known.names, &known.n, score->name) < 0)
                return fd_fault_set_at(fault, -EINVAL, "items", i, "scores", FD_SCORE_NAMES_FULL,
                                       score->name);
        }
    return 0;
}

static int check(const fd_request *request, const fd_new_items *rows, fd_fault *fault) {
    int r = 0;
    for (size_t i = 0; i < rows->n && r == 0; i++) {
        r = check_rules(rows, i, fault);
        if (r == 0)
            r = check_stored(request, rows, i, fault);
    }
    if (r == 0)
        r = check_repeats(rows, fault);
    if (r == 0)
        r = check_scores(request, rows, fault);
    return r < 0 ? r : check_dimensions(request, rows, fault);
}

/* ---- storing ---- */

struct contents {
    size_t n;
    size_t bytes;
    fd_embedding_job_item *items; /* [n]; they own their contents */
};

static void contents_clear(struct contents *contents) {
    for (size_t i = 0; i < contents->n; i++)
        free((char *)contents->items[i].content);
    free(contents->items);
}

static int write_contents(const fd_new_items *rows, const bool *wanted, struct contents *ret) {
    ret->items = calloc(rows->n ? rows->n : 1, sizeof(*ret->items));
    if (!ret->items)
        return -ENOMEM;
    for (size_t i = 0; i < rows->n; i++) {
        char *text =
            json_dumps(json_array_get(rows->items, i), JSON_COMPACT | JSON_REAL_PRECISION(17));
        if (!text)
            return -ENOMEM;
        ret->items[ret->n++] =
            (fd_embedding_job_item){.place = (uint32_t)i, .wanted = wanted[i], .content = text};
        ret->bytes += strlen(text);
    }
    return 0;
}

int fd_items_job_accept(const fd_request *request, const fd_new_items *rows, const bool *wanted,
                        size_t n_wanted, const fd_held_key *key, fd_response *response,
                        fd_fault *fault) {
    FD_CLEANUP(contents_clear) struct contents contents = {0};
    FD_FREE fd_embedding_job_row *stored = NULL;
    char id[FD_EMBEDDING_JOB_ID_SIZE];
    int r = check(request, rows, fault);
    if (r == 0)
        r = write_contents(rows, wanted, &contents);
    if (r < 0)
        return r;
    fd_embedding_job_draw_id(id);
    fd_embedding_job_row row = {
        .id = id,
        .author = key->author,
        .key = key->key[0] != '\0' ? key->key : NULL,
        .items = rows->n,
        .bytes = contents.bytes,
        .total = n_wanted,
        .started_ms = -1,
        .finished_ms = -1,
    };
    memcpy(row.body_hash, key->body_hash, sizeof(row.body_hash));
    r = fd_engine_embedding_job_add(request->engine, &row, contents.items, contents.n,
                                    request->embedding_job_limits, fault);
    if (r == 0)
        r = fd_engine_embedding_job_find(request->engine, id, &stored);
    if (r < 0)
        return r;
    fd_log(FD_LOG_INFO, "embedding-job-accepted", FD_STR("job", id), FD_INT("items", rows->n),
           FD_INT("to_embed", n_wanted), FD_INT("bytes", contents.bytes));
    fd_embedding_worker_wake(request->embedding_worker);
    fd_job_respond(response, stored);
    return 0;
}
