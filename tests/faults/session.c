/* A daemon's life without its sockets, which goes on after faults. */
#include "session.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "handlers.h"
#include "labels.h"
#include "model_versions.h"
#include "sqlite_store.h"
#include "store.h"
#include "trainer.h"
#include "verify_models.h"

enum { REQUESTS = 6, LABELS_AT_ONCE = 2, ITEMS = 6 };

static const double patience_seconds = 60;

struct session {
    const char *path;
    fd_engine *engine;
    bool items_there;
    bool there[REQUESTS]; /* whether the labels of a request were acknowledged */
    bool failed;          /* a request failed: those that build on it may be refused */
    fd_response response; /* the last response */
};

/* ---- requests ---- */

static unsigned ask(struct session *session, fd_handler *handler, const char *id,
                    const char *body) {
    static const fd_client client = {.text = "127.0.0.1"};
    static const fd_identity admin = {.role = FD_ROLE_ADMIN};
    const fd_request request = {
        .engine = session->engine,
        .client = &client,
        .identity = &admin,
        .version = "0",
        .id = id,
        .body = body ? body : "",
        .body_size = body ? strlen(body) : 0,
    };
    free(session->response.body);
    session->response = (fd_response){.request_id = "request"};
    handler(&request, &session->response);
    unsigned status = session->response.status;
    if (status < 200 || (status >= 400 && status < 500 && !session->failed))
        fail_msg("the response to a fault of our own is %u: %.*s", status,
                 (int)session->response.size, session->response.body ? session->response.body : "");
    session->failed |= status >= 400;
    return status;
}

static bool works(unsigned status) {
    return status >= 200 && status < 300;
}

static void add_items(struct session *session) {
    char body[2048] = "{\"items\":[";
    for (size_t i = 0; i < ITEMS; i++) {
        size_t used = strlen(body);
        (void)snprintf(
            body + used, sizeof(body) - used,
            "%s{\"id\":\"i%zu\",\"prompt_id\":\"p%zu\",\"response\":\"text %zu\","
            "\"metadata\":{\"n\":%zu},\"scores\":{\"judge\":1},\"embedding\":[%zu,%zu.5,1]}",
            i > 0 ? "," : "", i, i / 3, i, i, i % 3, i * i % 5);
    }
    (void)strncat(body, "]}", sizeof(body) - strlen(body) - 1);
    session->items_there = works(ask(session, fd_items_add, NULL, body)) || session->items_there;
}

static void add_labels(struct session *session, size_t request) {
    char body[512] = "{\"labels\":[";
    for (size_t i = 0; i < LABELS_AT_ONCE; i++) {
        size_t used = strlen(body);
        (void)snprintf(body + used, sizeof(body) - used,
                       "%s{\"id\":\"l%zu-%zu\",\"a\":\"i%zu\",\"b\":\"i%zu\",\"preference\":\"%s\","
                       "\"annotator\":\"ann-%zu\",\"comment\":\"because\"}",
                       i > 0 ? "," : "", request, i, (request + i) % ITEMS,
                       (request + i + 1) % ITEMS, i ? "a" : "b", request % 2);
    }
    (void)strncat(body, "]}", sizeof(body) - strlen(body) - 1);
    session->there[request] =
        works(ask(session, fd_labels_add, NULL, body)) || session->there[request];
}

static void set_scores(struct session *session) {
    (void)ask(session, fd_item_scores_set, "i0", "{\"judge\":7.5,\"old\":null}");
    (void)ask(session, fd_scores_set_all, NULL,
              "{\"items\":[{\"id\":\"i1\",\"scores\":{\"judge\":1,\"rm\":2}},"
              "{\"id\":\"i2\",\"scores\":{\"rm\":-1}}]}");
    (void)ask(session, fd_project_patch, NULL, "{\"scores\":{\"judge\":{\"trust\":\"trusted\"}}}");
}

static void assign(struct session *session) {
    char id[64] = "none";
    if (!works(ask(session, fd_assignments_post, NULL, "{\"annotator\":\"anna\",\"count\":2}")))
        return;
    const char *found = strstr(session->response.body, "\"id\":\"");
    if (found) {
        (void)snprintf(id, sizeof(id), "%s", found + strlen("\"id\":\""));
        id[strcspn(id, "\"")] = '\0';
    }
    /* The assignment is gone if the next request fails halfway. */
    session->failed |= !found;
    (void)ask(session, fd_assignment_renew, id, "{}");
    (void)ask(session, fd_assignment_return, id, NULL);
}

static void train(struct session *session) {
    fd_model_info info;
    if (!works(ask(session, fd_model_train, NULL, "{}")))
        return;
    fd_engine_wait_trained(session->engine);
    session->failed |= fd_engine_model(session->engine, &info) < 0 || info.version == 0;
}

static void read_everything(struct session *session) {
    static fd_handler *const handlers[] = {
        fd_items_list,  fd_labels_list, fd_stats_get,      fd_model_get,
        fd_models_list, fd_weights_get, fd_strategies_get, fd_metrics_page,
        fd_page_label,  fd_livez,       fd_project_get,
    };
    for (size_t i = 0; i < FD_LENGTH(handlers); i++)
        (void)ask(session, handlers[i], NULL, NULL);
    (void)ask(session, fd_item_get, "i0", NULL);
    (void)ask(session, fd_model_version_get, "1", NULL);
    (void)ask(session, fd_model_activate, "1", NULL);
}

/* ---- the script ---- */

static int open_engine(struct session *session) {
    fd_engine_options options = fd_engine_defaults();
    options.hidden_layers = 1;
    options.hidden_width = 4;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.refit = false;
    options.ready = 2;
    options.train.iterations = 5;
    options.seed = 1;
    fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_sqlite(session->path, &store, &fault);
    return r < 0 ? r : fd_engine_open(&options, store, &session->engine, &fault);
}

static void play(struct session *session) {
    add_items(session);
    for (size_t i = 0; i < REQUESTS; i++)
        add_labels(session, i);
    (void)ask(session, fd_label_correct, "l0-0", "{\"preference\":\"tie\"}");
    (void)ask(session, fd_label_retract, "l1-0", NULL);
    (void)ask(session, fd_score_post, NULL, "{\"items\":[\"i0\",{\"embedding\":[1,2,3]}]}");
    (void)ask(session, fd_selections_post, NULL,
              "{\"batch_size\":2,\"generate\":{\"mode\":\"in_prompt\"}}");
    set_scores(session);
    assign(session);
    train(session);
    read_everything(session);
}

/* Whatever has failed works when it is repeated. */
static void repeat_failed(struct session *session) {
    double deadline = fd_monotonic_seconds() + patience_seconds;
    session->failed = true;
    for (bool all = false; !all; (void)sched_yield()) {
        if (fd_monotonic_seconds() > deadline)
            fail_msg("a failed request fails again when repeated: %u %.*s",
                     session->response.status, (int)session->response.size, session->response.body);
        if (!session->items_there)
            add_items(session);
        all = session->items_there;
        for (size_t i = 0; i < REQUESTS && session->items_there; i++) {
            if (!session->there[i])
                add_labels(session, i);
            all &= session->there[i];
        }
    }
}

/* ---- the end ---- */

static int count_label(void *context, const fd_label_view *view) {
    unsigned request, number;
    size_t(*counts)[LABELS_AT_ONCE] = context;
    if (view->row->revision > 0)
        return 0;
    assert_int_equal(sscanf(view->row->id, "l%u-%u", &request, &number), 2);
    counts[request][number]++;
    return 0;
}

static int report(void *context, const char *finding) {
    (void)context;
    fail_msg("%s", finding);
    return -EBADMSG;
}

static void expect_everything(struct session *session) {
    size_t counts[REQUESTS][LABELS_AT_ONCE] = {{0}};
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_labels_read(session->engine, 0, SIZE_MAX, count_label, counts), 0);
    for (size_t r = 0; r < REQUESTS; r++)
        for (size_t i = 0; i < LABELS_AT_ONCE; i++)
            assert_int_equal(counts[r][i], 1);
    assert_int_equal(fd_store_open_sqlite_read_only(session->path, &store, &fault), 0);
    assert_int_equal(store->operations->check(store, report, NULL), 0);
}

static void reopen(struct session *session) {
    if (session->engine)
        fd_engine_close(session->engine);
    session->engine = NULL;
    int r = open_engine(session);
    if (r < 0)
        fail_msg("it does not open again: %s", strerror(-r));
}

void session_run(const char *path, void (*settled)(void)) {
    struct session session = {.path = path};
    if (open_engine(&session) < 0) {
        session.failed = true;
        reopen(&session);
    }
    play(&session);
    settled();
    repeat_failed(&session);
    expect_everything(&session);
    reopen(&session);
    expect_everything(&session);
    fd_engine_close(session.engine);
    free(session.response.body);
}

void session_prepare(const char *path) {
    struct session session = {.path = path};
    assert_int_equal(open_engine(&session), 0);
    play(&session);
    train(&session);
    assert_false(session.failed);
    fd_engine_close(session.engine);
    free(session.response.body);
}

static int verify_copy(void *context, fd_store *store) {
    (void)context;
    return fd_engine_verify(store, report, report, NULL);
}

/* Backs up the database to a file, and restores that over another one. */
static int copy_and_restore(struct session *session, const char *copy) {
    char restored[128];
    fd_backup held;
    fd_fault fault = {0};
    FD_FREE char *kept = NULL;
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    (void)snprintf(restored, sizeof(restored), "%s.restored", copy);
    (void)unlink(copy);
    int r = fd_store_open_sqlite_read_only(session->path, &store, &fault);
    if (r == 0)
        r = store->operations->back_up(store, copy, NULL, NULL, &held, &fault);
    return r < 0 ? r
                 : fd_store_restore_sqlite(restored, copy, true, verify_copy, NULL, &kept, &fault);
}

void session_reopen(const char *path, const char *copy, void (*settled)(void)) {
    struct session session = {.path = path, .items_there = true};
    memset(session.there, true, sizeof(session.there));
    int copied = copy_and_restore(&session, copy);
    session.failed = open_engine(&session) < 0 || copied < 0;
    if (session.engine)
        train(&session);
    settled();
    reopen(&session);
    expect_everything(&session);
    fd_engine_close(session.engine);
    session.engine = NULL;
    if (copied < 0)
        copied = copy_and_restore(&session, copy);
    assert_int_equal(copied, 0);
    free(session.response.body);
}
