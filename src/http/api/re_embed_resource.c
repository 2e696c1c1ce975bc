/* /v1/re-embed: gives all items the vectors of the configured embedder, tells how far that is, and
 * gives it up. */
#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "embedder_json.h"
#include "embedder_record.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "log.h"
#include "problem.h"
#include "re_embedding_changes.h"
#include "re_embedding_worker.h"

static const char *const state_names[] = {
    [FD_RE_EMBEDDING_IDLE] = "idle",
    [FD_RE_EMBEDDING_EMBEDDING] = "embedding",
    [FD_RE_EMBEDDING_SWITCHING] = "switching",
    [FD_RE_EMBEDDING_WAITING] = "waiting",
};

/* ---- telling ---- */

/* The store says whether it is begun, and the worker what it does about it. */
static fd_re_embedding_progress progress_of(const fd_request *request, bool is_begun) {
    fd_re_embedding_progress progress;
    fd_re_embedding_worker_read(request->re_embedding_worker, &progress);
    if (!is_begun)
        return (fd_re_embedding_progress){.state = FD_RE_EMBEDDING_IDLE};
    if (!request->embedder) {
        progress.state = FD_RE_EMBEDDING_WAITING;
        (void)snprintf(progress.error, sizeof(progress.error), "no embedder is configured");
    } else if (progress.state == FD_RE_EMBEDDING_IDLE) {
        progress.state = FD_RE_EMBEDDING_EMBEDDING; /* the worker is about to see it */
    }
    return progress;
}

static void respond(const fd_request *request, unsigned status, fd_response *response) {
    FD_FREE fd_embedder_row *row = NULL;
    fd_re_embedding counts;
    int r = fd_engine_re_embedding_coming(request->engine, &row);
    if (r == 0)
        r = fd_engine_re_embedding_read(request->engine, &counts);
    if (r < 0) {
        fd_problem_of(response, r, NULL);
        return;
    }
    fd_re_embedding_progress progress = progress_of(request, row && counts.is_begun);
    bool is_idle = progress.state == FD_RE_EMBEDDING_IDLE;
    fd_json_respond(response, status,
                    json_pack("{s:s, s:o, s:I, s:I, s:s?}", "state", state_names[progress.state],
                              "embedder", row && !is_idle ? fd_embedder_json(row) : json_null(),
                              "items", (json_int_t)counts.items, "made",
                              (json_int_t)(is_idle ? 0 : counts.made), "error",
                              progress.error[0] != '\0' ? progress.error : NULL));
}

void fd_re_embed_get(const fd_request *request, fd_response *response) {
    if (fd_query_accept_none(&request->query, response))
        respond(request, 200, response);
}

/* ---- beginning ---- */

static bool is_same(const fd_embedder_identity *embedder, const fd_embedder_row *row) {
    fd_fault unused = {0};
    const fd_embedder_identity stored = {
        .name = row->name,
        .template = row->template,
        .dimension = row->dimension,
        .n_probes = row->n_probes,
        .probes = row->probes,
    };
    return fd_embedder_compare(embedder, &stored, &unused) == 0;
}

static int begin(const fd_request *request, const fd_embedder_identity *embedder, fd_fault *fault) {
    const fd_embedder_row row = {
        .name = embedder->name,
        .template = embedder->template,
        .dimension = embedder->dimension,
        .n_probes = embedder->n_probes,
        .probes = embedder->probes,
    };
    int r = fd_engine_re_embedding_begin(request->engine, &row, fault);
    if (r == 0)
        fd_log(FD_LOG_INFO, "re-embedding-begun", FD_STR("embedder", embedder->name),
               FD_INT("dimension", embedder->dimension));
    return r;
}

/* Unless it is the coming one already; -EEXIST with a fault if it serves. */
static int begin_unless_begun(const fd_request *request, fd_fault *fault) {
    FD_FREE fd_embedder_row *serving = NULL;
    FD_FREE fd_embedder_row *coming = NULL;
    fd_embedder_identity embedder;
    const fd_patience patience = {
        .deadline = fd_monotonic_seconds() + fd_embedder_seconds(request->embedder),
        .go_on = request->is_awaited,
        .context = request->await_context,
    };
    int r = fd_embedder_identify(request->embedder, &patience, &embedder, fault);
    if (r == 0)
        r = fd_engine_embedder(request->engine, &serving);
    if (r == 0)
        r = fd_engine_re_embedding_coming(request->engine, &coming);
    if (r == 0 && serving && is_same(&embedder, serving))
        return fd_fault_set(fault, -EEXIST, "",
                            "the items have the embeddings of \"%.80s\" already", embedder.name);
    if (r < 0 || (coming && is_same(&embedder, coming)))
        return r;
    return begin(request, &embedder, fault);
}

void fd_re_embed_post(const fd_request *request, fd_response *response) {
    fd_fault fault = {0};
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (!fd_query_accept_none(&request->query, response))
        return;
    if (!request->embedder) {
        fd_problem(response, 409, "no embedder is configured: see the option embedding-url");
        return;
    }
    int r = begin_unless_begun(request, &fault);
    if (r == -EOPNOTSUPP || r == -EEXIST) {
        fd_problem(response, 409, fault.detail);
        return;
    }
    if (r < 0) {
        fd_problem_of(response, r, &fault);
        return;
    }
    fd_re_embedding_worker_wake(request->re_embedding_worker);
    respond(request, 202, response);
}

/* ---- giving up ---- */

void fd_re_embed_delete(const fd_request *request, fd_response *response) {
    response->is_audited = request->identity->authentication != FD_AUTHENTICATION_NONE;
    if (!fd_query_accept_none(&request->query, response))
        return;
    int r = fd_engine_re_embedding_abandon(request->engine);
    if (r < 0 && r != -EOPNOTSUPP) { /* where nothing can be begun, nothing is */
        fd_problem_of(response, r, NULL);
        return;
    }
    fd_re_embedding_worker_wake(request->re_embedding_worker);
    respond(request, 200, response);
}
