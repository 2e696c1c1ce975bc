/* What a store of several replicas offers: two handles of one PostgreSQL database. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "fixture.h"
#include "postgres_schema.h"
#include "postgres_store.h"
#include "postgres_time.h"

static const char *url;
static fd_store *one, *other;

/* Waits as long as a slow machine needs; nothing is measured by it. */
static const double patience = 600.0;

static fd_store *open_store(void) {
    fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_store_open_postgres(url, &store, &fault);
    assert_string_equal(fault.detail, "");
    assert_int_equal(r, 0);
    return store;
}

static int64_t number(const char *sql) {
    return strtoll(postgres_schema_run(url, sql), NULL, 10);
}

typedef void test_of_two(void);

static void run(void **state) {
    url = postgres_schema_new();
    if (!url)
        skip();
    one = open_store();
    other = open_store();
    (*(test_of_two *const *)*state)();
}

static void name_a_standby(const char *name);
static bool has_standby;

static int tear_down(void **state) {
    (void)state;
    if (has_standby) /* a test that failed would let all others wait */
        name_a_standby("");
    fd_store_close(one);
    fd_store_close(other);
    one = other = NULL;
    return 0;
}

#define ON_TWO(test)                                                                               \
    {                                                                                              \
#test, run, NULL, tear_down, (void *)&(test_of_two *const) {                               \
            test                                                                                   \
        }                                                                                          \
    }

/* ---- what catch_up passes, as text ---- */

struct passed {
    char text[2000];
    const char *stop_at;
};

static int pass(struct passed *passed, const char *word) {
    size_t used = strlen(passed->text);
    (void)snprintf(passed->text + used, sizeof(passed->text) - used, "%s%s", used ? " " : "", word);
    return passed->stop_at && strcmp(word, passed->stop_at) == 0 ? -ECANCELED : 0;
}

static int pass_item(void *context, const fd_item_row *row) {
    assert_non_null(row->embedding);
    return pass(context, fixture_text("item:%u:%s", row->index, row->id));
}

static int pass_score(void *context, const fd_score_row *row) {
    return pass(context, fixture_text("score:%u:%s:%g", row->item, row->name, row->value));
}

static int pass_project(void *context, const fd_project_row *row) {
    return pass(context, fixture_text("project:%d", (int)row->version));
}

static int pass_embedder(void *context, const fd_embedder_row *row) {
    return pass(context, fixture_text("embedder:%s", row->name));
}

static int pass_label(void *context, const fd_label_row *row) {
    return pass(context, fixture_text("label:%d:%s:%u", (int)row->sequence, row->id,
                                      (unsigned)row->revision));
}

static int pass_assignment(void *context, const fd_assignment_row *row) {
    return pass(context, fixture_text("assignment:%s:%d", row->id, (int)row->ended_ms));
}

static int pass_model(void *context, const fd_model_row *row) {
    assert_null(row->bytes);
    return pass(context,
                fixture_text("model:%d:%s", (int)row->version, fd_model_state_name(row->state)));
}

static const fd_change_visits visits = {pass_item,  pass_score,      pass_project, pass_embedder,
                                        pass_label, pass_assignment, pass_model};

static const char *caught_up(fd_store *store) {
    static struct passed passed;
    passed = (struct passed){0};
    assert_int_equal(store->replicas->catch_up(store, &visits, &passed), 0);
    return passed.text;
}

/* ---- writing ---- */

/* Without catching up. */
static void begin_apart(fd_store *store) {
    assert_int_equal(store->operations->begin(store), 0);
}

/* As an engine does it: under the lock it knows all before it writes. */
static void begin(fd_store *store) {
    begin_apart(store);
    (void)caught_up(store);
}

static void add_items(fd_store *store, unsigned first, unsigned n) {
    begin(store);
    for (unsigned i = first; i < first + n; i++) {
        fd_item_row row = fixture_item(fixture_text("i%u", i));
        uint32_t index;
        fd_added added;
        assert_int_equal(store->operations->items_add(store, &row, 1, &index, &added), 0);
        assert_int_equal(index, i);
    }
    fixture_commit(store);
}

static int add_label(fd_store *store, const char *id, fd_added *ret) {
    fd_label_row row = fixture_label(id, 0, 1);
    int64_t sequence;
    return store->operations->labels_add(store, &row, 1, &sequence, ret);
}

static void add_labels(fd_store *store, const char *id) {
    fd_added added;
    begin(store);
    assert_int_equal(add_label(store, id, &added), 0);
    fixture_commit(store);
}

static fd_assignment_row assignment(const char *id, int64_t ended_ms) {
    return (fd_assignment_row){.id = id,
                               .item_b = 1,
                               .annotator = "anna",
                               .p = 0.5,
                               .gain = 1.0,
                               .expires_ms = 100,
                               .ended_ms = ended_ms};
}

static void write_assignment(fd_store *store, const char *id, int64_t ended_ms) {
    fd_assignment_row row = assignment(id, ended_ms);
    begin(store);
    assert_int_equal(store->operations->assignments_write(store, &row, 1), 0);
    fixture_commit(store);
}

/* ---- catching up ---- */

static void the_first_call_passes_all_rows_and_later_ones_what_others_wrote(void) {
    add_items(one, 0, 3);
    add_labels(one, "l1");
    write_assignment(one, "open", -1);
    write_assignment(one, "ended", 7);
    assert_string_equal(caught_up(one), "");
    assert_string_equal(caught_up(other), "item:0:i0 item:1:i1 item:2:i2 label:1:l1:0"
                                          " assignment:open:-1");
    assert_string_equal(caught_up(other), "");
    add_labels(other, "l2");
    assert_string_equal(caught_up(other), "");
    write_assignment(other, "open", 9);
    assert_string_equal(caught_up(one), "label:2:l2:0 assignment:open:9");
    assert_string_equal(caught_up(one), "");
    fixture_check(one);
}

static void every_kind_of_row_is_passed_in_the_order_of_the_visits(void) {
    add_items(one, 0, 2);
    (void)caught_up(other);
    begin(one);
    fd_label_change change = {.id = "l", .preference = FD_PREFER_TIE, .duration_ms = -1};
    fd_label_changed changed;
    fd_added added;
    assert_int_equal(add_label(one, "l", &added), 0);
    assert_int_equal(one->operations->label_revise(one, &change, &changed), 0);
    fd_model_row model = fixture_model(1);
    assert_int_equal(one->operations->model_add(one, &model), 0);
    assert_int_equal(one->operations->model_activate(one, 1), 0);
    fd_project_row project = {.version = 1, .settings = "{}"};
    assert_int_equal(one->operations->project_add(one, &project), 0);
    static const float probes[] = {1, 2, 3};
    fd_embedder_row embedder = {
        .name = "e", .template = "t", .dimension = 3, .n_probes = 1, .probes = probes};
    assert_int_equal(one->operations->embedder_write(one, &embedder), 0);
    const fd_score_row scores[] = {{1, "judge", 2.5, 1}, {0, "judge", 1.5, 1}};
    size_t n_changed;
    assert_int_equal(one->operations->scores_add(one, scores, 2, &n_changed), 0);
    fixture_commit(one);
    assert_string_equal(caught_up(other), "score:1:judge:2.5 score:0:judge:1.5 project:1 embedder:e"
                                          " label:1:l:0 label:2:l:1 model:1:active");
    assert_string_equal(caught_up(one), "");
}

static void after_a_visit_that_fails_the_next_call_begins_where_this_one_did(void) {
    add_items(one, 0, 2);
    add_labels(one, "l1");
    struct passed passed = {.stop_at = "label:1:l1:0"};
    assert_int_equal(other->replicas->catch_up(other, &visits, &passed), -ECANCELED);
    assert_string_equal(caught_up(other), "item:0:i0 item:1:i1 label:1:l1:0");
    add_labels(one, "l2");
    passed = (struct passed){.stop_at = "label:2:l2:0"};
    begin_apart(other);
    assert_int_equal(other->replicas->catch_up(other, &visits, &passed), -ECANCELED);
    other->operations->rollback(other);
    assert_string_equal(caught_up(other), "label:2:l2:0");
}

static void a_gap_in_the_history_is_not_passed_over(void) {
    add_items(one, 0, 2);
    add_labels(one, "l1");
    add_labels(one, "l2");
    (void)postgres_schema_run(url, "ALTER TABLE labels DISABLE TRIGGER labels_stay;"
                                   "DELETE FROM labels WHERE sequence = 1");
    struct passed passed = {0};
    assert_int_equal(other->replicas->catch_up(other, &visits, &passed), -EBADMSG);
}

/* ---- transactions ---- */

static void a_transaction_that_wrote_nothing_makes_no_tick(void) {
    add_items(one, 0, 2);
    add_labels(one, "l");
    int64_t before = number("SELECT tick FROM clock");
    fd_added added;
    for (int i = 0; i < 2; i++) {
        begin(one);
        fixture_commit(one);
        begin(other);
        assert_int_equal(add_label(other, "l", &added), 0);
        assert_int_equal(added.unchanged, 1);
        fixture_commit(other);
    }
    assert_int_equal(number("SELECT tick FROM clock"), before);
    add_labels(other, "m");
    assert_int_equal(number("SELECT tick FROM clock"), before + 1);
    assert_int_equal(number("SELECT count(*) FROM ticks"), before + 2);
}

static void labels_are_added_without_catching_up_too(void) {
    fd_added added;
    add_items(one, 0, 2);
    add_labels(one, "l1");
    begin_apart(other);
    assert_int_equal(add_label(other, "l1", &added), 0);
    assert_int_equal(added.unchanged, 1);
    assert_int_equal(add_label(other, "l2", &added), 0);
    assert_int_equal(added.created, 1);
    fixture_commit(other);
    begin_apart(one);
    assert_int_equal(add_label(one, "l2", &added), 0);
    assert_int_equal(added.unchanged, 1);
    fixture_commit(one);
    assert_string_equal(caught_up(one), "label:2:l2:0");
    assert_string_equal(caught_up(other), "item:0:i0 item:1:i1 label:1:l1:0 label:2:l2:0");
    fixture_check(one);
}

/* Those that are certainly new wait for the commit; whatever asks about them sees them all the
 * same. */
static void labels_of_one_transaction_see_each_other(void) {
    fd_added added;
    add_items(one, 0, 2);
    begin(one);
    assert_int_equal(add_label(one, "l1", &added), 0);
    assert_int_equal(add_label(one, "l1", &added), 0);
    assert_int_equal(added.unchanged, 1);
    assert_int_equal(add_label(one, "l2", &added), 0);
    fd_label_row rows[] = {fixture_label("l3", 0, 1), fixture_label("l2", 1, 0)};
    int64_t sequences[2];
    assert_int_equal(one->operations->labels_add(one, rows, 2, sequences, &added), -EEXIST);
    assert_int_equal(added.conflict, 1);
    fd_label_change change = {.id = "l2", .preference = FD_PREFER_TIE, .duration_ms = -1};
    fd_label_changed changed;
    assert_int_equal(one->operations->label_revise(one, &change, &changed), 0);
    assert_true(changed.changed);
    assert_int_equal(add_label(one, "l4", &added), 0);
    one->operations->rollback(one);
    begin(one);
    rows[1] = fixture_label("l4", 1, 0);
    assert_int_equal(one->operations->labels_add(one, rows, 2, sequences, &added), 0);
    assert_int_equal(added.created, 2);
    assert_int_equal(sequences[1], 2);
    fixture_commit(one);
    assert_string_equal(caught_up(other), "item:0:i0 item:1:i1 label:1:l3:0 label:2:l4:0");
    fixture_check(one);
}

static void *add_a_label(void *context) {
    add_labels(context, "second");
    return NULL;
}

static int64_t waiting_for_locks(void) {
    return number("SELECT count(*) FROM pg_locks WHERE NOT granted");
}

static void a_replica_waits_until_another_one_has_committed(void) {
    add_items(one, 0, 2);
    (void)caught_up(other);
    fd_added added;
    begin(one);
    assert_int_equal(add_label(one, "first", &added), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_a_label, other), 0);
    while (waiting_for_locks() == 0)
        continue;
    fixture_commit(one);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(caught_up(one), "label:2:second:0");
}

/* ---- lost connections and commits of unknown fate ---- */

static void terminate_connections(void) {
    (void)postgres_schema_run(url, "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                                   " WHERE application_name = 'fisherd'");
}

static void lost_connections_are_opened_again(void) {
    add_items(one, 0, 2);
    assert_int_equal(fixture_counts(one).items, 2);
    terminate_connections();
    assert_int_equal(fixture_counts(one).items, 2);
    add_labels(one, "l1");
    begin_apart(one);
    terminate_connections();
    fd_added added;
    fd_label_change change = {.id = "l1", .preference = FD_PREFER_TIE, .duration_ms = -1};
    fd_label_changed changed;
    assert_int_equal(one->operations->label_revise(one, &change, &changed), -EIO);
    one->operations->rollback(one);
    begin(one);
    assert_int_equal(add_label(one, "l2", &added), 0);
    terminate_connections();
    int r = one->operations->commit(one); /* -EAGAIN if it came to the commit */
    assert_true(r == -EIO || r == -EAGAIN);
    one->operations->rollback(one);
    assert_int_equal(one->replicas->resume(one), 0);
    add_labels(one, "l2");
    assert_int_equal(fixture_counts(one).labels, 2);
}

/* A standby that is not there lets every commit wait, with its rows on disk. */
static void name_a_standby(const char *name) {
    has_standby = name[0] != '\0';
    postgres_schema_name_standby(url, name);
}

static atomic_bool is_over; /* nobody waits any more */

static void *end_wait(void *function) {
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT %s(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
                   (const char *)function);
    PGconn *connection = PQconnectdb(url);
    bool found = false;
    while (!found && !atomic_load(&is_over)) {
        PGresult *result = PQexec(connection, sql);
        found = PQntuples(result) > 0;
        PQclear(result);
    }
    PQfinish(connection);
    return NULL;
}

/* Commits while the standby is missing; somebody ends the wait. */
static int commit_unknown(fd_store *store, const char *function) {
    pthread_t thread;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&thread, NULL, end_wait, (void *)function), 0);
    int r = store->operations->commit(store);
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    store->operations->rollback(store);
    return r;
}

static void a_commit_whose_fate_is_unknown_is_told_and_may_be_done_again(void) {
    static const char *const functions[] = {"pg_cancel_backend", "pg_terminate_backend"};
    add_items(one, 0, 2);
    (void)caught_up(other);
    for (size_t i = 0; i < FD_LENGTH(functions); i++) {
        const char *id = i == 0 ? "l1" : "l2";
        fd_added added;
        begin(other); /* it owes nothing any more */
        fixture_commit(other);
        name_a_standby("nobody");
        begin(one);
        assert_int_equal(add_label(one, id, &added), 0);
        assert_int_equal(commit_unknown(one, functions[i]), -EAGAIN);
        assert_int_equal(one->replicas->resume(one), 0);

        /* It was committed, as the same row tells; but its acknowledgement waits for the standby.
         */
        begin_apart(one);
        assert_string_equal(caught_up(one), fixture_text("label:%zu:%s:0", i + 1, id));
        assert_int_equal(add_label(one, id, &added), 0);
        assert_int_equal(added.unchanged, 1);
        assert_int_equal(commit_unknown(one, functions[i]), -EAGAIN);

        /* The same at a replica that knows nothing of it. */
        begin(other);
        assert_int_equal(add_label(other, id, &added), 0);
        assert_int_equal(added.unchanged, 1);
        assert_int_equal(commit_unknown(other, functions[i]), -EAGAIN);

        name_a_standby("");
        assert_int_equal(one->replicas->resume(one), 0);
        assert_int_equal(other->replicas->resume(other), 0);
        add_labels(one, id);
    }
    assert_int_equal(fixture_counts(one).labels, 2);
    fixture_check(one);
}

static void a_history_that_was_lost_ends_the_process(void) {
    static const char *const losses[] = {"UPDATE ticks SET nonce = nonce + 1 WHERE tick > 0",
                                         "DELETE FROM ticks WHERE tick > 0"};
    add_items(one, 0, 2);
    for (size_t i = 0; i < FD_LENGTH(losses); i++) {
        assert_int_equal(one->replicas->resume(one), 0);
        add_labels(one, fixture_text("l%zu", i));
        (void)postgres_schema_run(url, losses[i]);
        assert_int_equal(one->replicas->resume(one), -ESTALE);
        terminate_connections();
        assert_int_equal(one->operations->begin(one), -ESTALE);
        fd_store_close(one);
        one = open_store();
        (void)postgres_schema_run(url, "INSERT INTO ticks SELECT tick, nonce FROM clock"
                                       " ON CONFLICT (tick) DO UPDATE SET nonce = excluded.nonce");
    }
}

static void a_newer_schema_ends_the_process(void) {
    add_items(one, 0, 1);
    (void)postgres_schema_run(url, "UPDATE clock SET version = version + 1");
    assert_int_equal(one->operations->begin(one), -EPROTONOSUPPORT);
}

/* ---- learning ---- */

static int add_model(fd_store *store, uint64_t version) {
    fd_model_row model = fixture_model(version);
    begin(store);
    int r = store->operations->model_add(store, &model);
    if (r == 0)
        fixture_commit(store);
    else
        assert_int_equal(store->operations->model_activate(store, 1), r);
    store->operations->rollback(store);
    return r;
}

static void one_replica_at_a_time_has_the_right_to_train(void) {
    assert_int_equal(one->replicas->hold_learning(one, 3600), 1);
    assert_int_equal(other->replicas->hold_learning(other, 3600), 0);
    assert_int_equal(one->replicas->hold_learning(one, 3600), 1);
    assert_int_equal(number("SELECT epoch FROM learner"), 1);
    one->replicas->release_learning(one);
    assert_int_equal(other->replicas->hold_learning(other, 3600), 1);
    assert_int_equal(one->replicas->hold_learning(one, 3600), 0);
    assert_int_equal(number("SELECT epoch FROM learner"), 2);
    fd_store_close(other);
    other = open_store();
    assert_int_equal(other->replicas->hold_learning(other, 3600), 0);
}

static void one_that_lost_the_right_adds_no_model(void) {
    assert_int_equal(add_model(one, 1), 0); /* nobody trains */
    assert_int_equal(one->replicas->hold_learning(one, 0.0), 1);
    assert_int_equal(add_model(one, 2), 0); /* it is over, but nobody else took it */
    assert_int_equal(other->replicas->hold_learning(other, 3600), 1);
    assert_int_equal(add_model(one, 3), -ECANCELED);
    assert_int_equal(add_model(other, 3), 0);
    other->replicas->release_learning(other);
    assert_int_equal(add_model(one, 4), -ECANCELED); /* somebody else has trained since */
    assert_int_equal(one->replicas->hold_learning(one, 3600), 1);
    assert_int_equal(add_model(one, 4), 0);
    assert_int_equal(add_model(other, 5), -ECANCELED); /* it never trained, and another one does */
    begin(other);
    assert_int_equal(other->operations->model_activate(other, 2), 0); /* as a person may ask */
    fixture_commit(other);
    assert_string_equal(caught_up(one), "model:2:active");
}

static void a_version_that_is_announced_is_passed_again(void) {
    assert_int_equal(add_model(one, 1), 0);
    assert_string_equal(caught_up(other), "model:1:stored");
    begin(one);
    assert_int_equal(one->replicas->model_announce(one, 9), -ENOENT);
    assert_int_equal(one->replicas->model_announce(one, 1), 0);
    fixture_commit(one);
    assert_string_equal(caught_up(other), "model:1:stored");
    assert_string_equal(caught_up(other), "");
}

/* ---- the clock, and following ---- */

static void the_time_is_the_servers(void) {
    fd_postgres_store *store = (fd_postgres_store *)one;
    int64_t before = number("SELECT (extract(epoch FROM now()) * 1000)::bigint");
    begin(one);
    fixture_commit(one);
    assert_true(one->replicas->now_ms(one) >= before);
    int64_t far = before + 3600000;
    fd_postgres_note_time(store, far, fd_monotonic_seconds());
    int64_t told = one->replicas->now_ms(one);
    assert_true(told >= far);
    /* A later look that agrees with what is known changes nothing. */
    int64_t ahead = atomic_load(&store->ahead_ms);
    fd_postgres_note_time(store, far, fd_monotonic_seconds() - 100.0);
    assert_int_equal(atomic_load(&store->ahead_ms), ahead);
    begin(one);
    fixture_commit(one);
    assert_true(one->replicas->now_ms(one) < far);
}

static int wait_for_change(fd_store *store, double seconds) {
    return store->replicas->wait_for_change(store, seconds);
}

static uint64_t lag_of(fd_store *store) {
    const char *id;
    uint64_t tick, newest;
    store->replicas->position(store, &id, &tick, &newest);
    return newest - tick;
}

static void changes_of_others_end_a_wait_and_own_ones_do_not(void) {
    add_items(one, 0, 2);
    (void)caught_up(other);
    assert_int_equal(wait_for_change(other, 0.3), 0);
    add_labels(other, "own");
    assert_int_equal(wait_for_change(other, 0.3), 0);
    add_labels(one, "l");
    assert_int_equal(wait_for_change(other, patience), 1);
    assert_int_equal(lag_of(other), 1);
    assert_string_equal(caught_up(other), "label:2:l:0");
    assert_int_equal(lag_of(one) + lag_of(other), 0);
    terminate_connections();
    add_labels(one, "m");
    assert_int_equal(wait_for_change(other, patience), 1);
    assert_string_equal(caught_up(other), "label:3:m:0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_TWO(the_first_call_passes_all_rows_and_later_ones_what_others_wrote),
        ON_TWO(every_kind_of_row_is_passed_in_the_order_of_the_visits),
        ON_TWO(after_a_visit_that_fails_the_next_call_begins_where_this_one_did),
        ON_TWO(a_gap_in_the_history_is_not_passed_over),
        ON_TWO(a_transaction_that_wrote_nothing_makes_no_tick),
        ON_TWO(labels_are_added_without_catching_up_too),
        ON_TWO(labels_of_one_transaction_see_each_other),
        ON_TWO(a_replica_waits_until_another_one_has_committed),
        ON_TWO(lost_connections_are_opened_again),
        ON_TWO(a_commit_whose_fate_is_unknown_is_told_and_may_be_done_again),
        ON_TWO(a_history_that_was_lost_ends_the_process),
        ON_TWO(a_newer_schema_ends_the_process),
        ON_TWO(one_replica_at_a_time_has_the_right_to_train),
        ON_TWO(one_that_lost_the_right_adds_no_model),
        ON_TWO(a_version_that_is_announced_is_passed_again),
        ON_TWO(the_time_is_the_servers),
        ON_TWO(changes_of_others_end_a_wait_and_own_ones_do_not),
    };
    return cmocka_run_group_tests_name("replicas", tests, NULL, NULL);
}
