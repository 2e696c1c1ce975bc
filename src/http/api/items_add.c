/* POST /v1/items: adds items, at once or by an embedding job. */
#include <errno.h>
#include <string.h>

#include "handlers.h"
#include "idempotency.h"
#include "items_job.h"
#include "job_json.h"
#include "json_write.h"
#include "new_items.h"
#include "problem.h"
#include "text_embeddings.h"
#include "text_items.h"

/* ---- at once ---- */

/* The response is kept under the key, if there is one. */
static int add_rows(const fd_request *request, fd_new_items *rows, const fd_held_key *key,
                    fd_added *ret, fd_fault *fault) {
    char id[FD_EMBEDDING_JOB_ID_SIZE];
    if (key->key[0] == '\0')
        return fd_text_items_add(request, rows->list, rows->n, NULL, ret, fault);
    fd_embedding_job_draw_id(id);
    fd_embedding_job_row row = {
        .id = id,
        .author = key->author,
        .key = key->key,
        .immediate = true,
        .items = rows->n,
        .started_ms = -1,
    };
    memcpy(row.body_hash, key->body_hash, sizeof(row.body_hash));
    return fd_text_items_add(request, rows->list, rows->n, &row, ret, fault);
}

static int add_at_once(const fd_request *request, fd_new_items *rows, const fd_held_key *key,
                       fd_response *response, fd_fault *fault) {
    fd_added added = {0};
    int r = add_rows(request, rows, key, &added, fault);
    if (r == 0)
        fd_json_respond(response, 200,
                        json_pack("{s:I, s:I}", "created", (json_int_t)added.created, "unchanged",
                                  (json_int_t)added.unchanged));
    return r;
}

/* ---- either way ---- */

/* A job where the client prefers it, or where there are many texts to embed. */
static int add_items(const fd_request *request, const fd_held_key *key, fd_response *response,
                     fd_fault *fault) {
    FD_CLEANUP(fd_new_items_clear) fd_new_items rows = {0};
    bool is_preferred = fd_prefers_job(request);
    size_t n_wanted = 0;
    int r =
        fd_new_items_read(request->body, request->body_size, request->score_metadata, &rows, fault);
    FD_FREE bool *wanted = calloc(rows.n ? rows.n : 1, sizeof(*wanted));
    if (r == 0 && !wanted)
        r = -ENOMEM;
    if (r == 0 && (is_preferred || rows.n > FD_TEXTS_MAX))
        r = fd_text_embeddings_missing(request, rows.list, rows.n, wanted, &n_wanted, fault);
    if (r < 0)
        return r;
    if (n_wanted == 0 || (n_wanted <= FD_TEXTS_MAX && !is_preferred))
        return add_at_once(request, &rows, key, response, fault);
    response->is_preferred = is_preferred;
    return fd_items_job_accept(request, &rows, wanted, n_wanted, key, response, fault);
}

/* Whether the response was given, or refused, before. */
static bool respond_again(const fd_request *request, const fd_held_key *key,
                          fd_response *response) {
    FD_FREE fd_embedding_job_row *row = NULL;
    int r = key->key[0] != '\0'
                ? fd_engine_embedding_job_of_key(request->engine, key->author, key->key, &row)
                : 0;
    if (r == 0 && !row)
        return false;
    if (r < 0)
        fd_problem_of(response, r, NULL);
    else if (memcmp(row->body_hash, key->body_hash, sizeof(row->body_hash)) != 0)
        fd_problem(response, 422, "the Idempotency-Key was used with another body");
    else
        fd_job_respond(response, row);
    return true;
}

void fd_items_add(const fd_request *request, fd_response *response) {
    FD_CLEANUP(fd_held_key_release) fd_held_key key = {0};
    fd_fault fault = {.more = request->more_faults};
    if (!fd_query_accept_none(&request->query, response))
        return;
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (!fd_held_key_take(request, &key, response) || respond_again(request, &key, response))
        return;
    int r = add_items(request, &key, response, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
}
