/* A store that does not know what became of a commit, as one of several replicas may: whatever it
 * was, the memory holds the rows that are stored. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "fixture.h"
#include "memory_store.h"

/* The store in memory, whose commits are lost on the way there or back. */
static struct {
    fd_store *store;
    fd_store_operations operations;
    fd_replica_operations replicas;
    int (*commit)(fd_store *store);
    bool loses;      /* the next commit's answer */
    bool commits;    /* all the same */
    int unreachable; /* times that the store cannot say what became of it */
    int asked;
} lossy;

static int lossy_commit(fd_store *store) {
    if (!lossy.loses)
        return lossy.commit(store);
    if (lossy.commits)
        assert_int_equal(lossy.commit(store), 0);
    lossy.loses = false;
    return -EAGAIN;
}

static int lossy_was_committed(fd_store *store) {
    (void)store;
    lossy.asked++;
    return lossy.unreachable-- > 0 ? -EIO : lossy.commits;
}

/* Nobody else has the store. */
static int lossy_hold(fd_store *store, double seconds) {
    (void)store;
    (void)seconds;
    return 1;
}

static void lossy_release(fd_store *store) {
    (void)store;
}

static int lossy_write(fd_store *store, const fd_replica_row *row) {
    (void)store;
    (void)row;
    return 0;
}

static int lossy_catch_up(fd_store *store, const fd_change_visits *visits, void *context) {
    (void)store;
    (void)visits;
    (void)context;
    return 0;
}

static int lossy_wait(fd_store *store, double seconds) {
    (void)store;
    (void)usleep((useconds_t)(seconds * 1e6));
    return 0;
}

static int64_t lossy_now_ms(fd_store *store) {
    (void)store;
    return fd_wall_milliseconds();
}

static int lossy_resume(fd_store *store) {
    (void)store;
    return 0;
}

static int lossy_replicas(fd_store *store, double seconds, fd_replica_visit *visit, void *context) {
    (void)store;
    (void)seconds;
    (void)visit;
    (void)context;
    return 0;
}

static void lossy_position(fd_store *store, const char **ret_id, uint64_t *ret_tick,
                           uint64_t *ret_newest) {
    (void)store;
    *ret_id = "lossy";
    *ret_tick = *ret_newest = 0;
}

static fd_engine *open_lossy(void) {
    fd_store *store = NULL;
    assert_int_equal(fd_store_open_memory(&store), 0);
    memset(&lossy, 0, sizeof(lossy));
    lossy.store = store;
    lossy.operations = *store->operations;
    lossy.commit = store->operations->commit;
    lossy.operations.commit = lossy_commit;
    lossy.replicas = (fd_replica_operations){.catch_up = lossy_catch_up,
                                             .wait_for_change = lossy_wait,
                                             .now_ms = lossy_now_ms,
                                             .resume = lossy_resume,
                                             .was_committed = lossy_was_committed,
                                             .hold_learning = lossy_hold,
                                             .release_learning = lossy_release,
                                             .position = lossy_position,
                                             .replica_write = lossy_write,
                                             .replicas_read = lossy_replicas};
    store->operations = &lossy.operations;
    store->replicas = &lossy.replicas;
    fd_engine_options options = fixture_options();
    fd_engine *engine = fixture_open(&options, store);
    fixture_add_items(engine, 2, 3);
    return engine;
}

static void lose_answer(bool commits, int unreachable) {
    lossy.loses = true;
    lossy.commits = commits;
    lossy.unreachable = unreachable;
    lossy.asked = 0;
}

static int label(fd_engine *engine, size_t number) {
    return fixture_label(engine, number, fixture_item_id(0, 0), fixture_item_id(0, number % 2 + 1),
                         FD_PREFER_A);
}

/* The labels after another one has been added. */
static void check_labels(fd_engine *engine, uint64_t n) {
    fd_counts counts;
    assert_int_equal(fixture_model(engine).labels, n);
    assert_int_equal(label(engine, 1000 + n), 0);
    assert_int_equal(fixture_model(engine).labels, n + 1);
    assert_int_equal(lossy.store->operations->counts(lossy.store, &counts), 0);
    assert_int_equal(counts.labels, n + 1);
}

static void what_was_committed_is_acknowledged_and_served(void **state) {
    (void)state;
    fd_engine *engine = open_lossy();
    lose_answer(true, 0);
    assert_int_equal(label(engine, 1), 0);
    assert_int_equal(lossy.asked, 1);
    check_labels(engine, 1);
    fd_engine_close(engine);
}

static void what_was_not_committed_is_stored_again(void **state) {
    (void)state;
    fd_engine *engine = open_lossy();
    lose_answer(false, 0);
    assert_int_equal(label(engine, 1), 0);
    assert_int_equal(lossy.asked, 1);
    check_labels(engine, 1);
    fd_engine_close(engine);
}

static void jobs_wait_until_the_store_knows(void **state) {
    (void)state;
    fd_engine *engine = open_lossy();
    for (int commits = 0; commits < 2; commits++) {
        lose_answer(commits, 3);
        assert_int_equal(label(engine, (size_t)commits + 1), 0);
        assert_int_equal(lossy.asked, 4);
    }
    check_labels(engine, 2);
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_acknowledged_and_served),
        cmocka_unit_test(what_was_not_committed_is_stored_again),
        cmocka_unit_test(jobs_wait_until_the_store_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
