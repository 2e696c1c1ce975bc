/* One transaction for all who wait, and what becomes of them where it fails. */
#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "writer.h"

enum { CROWD = 8 };

struct world {
    fd_store *store;
    fd_engine *engine;
};

struct answerer {
    pthread_t thread;
    fd_engine *engine;
    size_t number;
    int result;
};

static void *give_answer(void *context) {
    struct answerer *self = context;
    self->result = fixture_label(self->engine, self->number, "p0-r0", "p0-r1", FD_PREFER_A);
    return NULL;
}

static void begin(struct answerer *self, fd_engine *engine, size_t number) {
    *self = (struct answerer){.engine = engine, .number = number};
    assert_int_equal(pthread_create(&self->thread, NULL, give_answer, self), 0);
}

static void world_open(struct world *world) {
    fd_engine_options options = fixture_options();
    world->store = fixture_faulty_store();
    world->engine = fixture_open(&options, world->store);
    fixture_add_items(world->engine, 2, 4);
}

static void world_close(struct world *world) {
    fd_engine_close(world->engine);
}

/* Answers that wait for one transaction, which fails, as do those after it: `failures` in all.
 * Returns how many transactions there were. */
static unsigned answer_together(struct world *world, struct answerer *crowd, unsigned failures,
                                int error) {
    struct answerer first;
    unsigned before = fixture_commits(world->store);
    fixture_hold_commits(world->store, 1);
    begin(&first, world->engine, CROWD);
    while (fixture_commits(world->store) == before)
        (void)sched_yield();
    for (size_t i = 0; i < CROWD; i++)
        begin(&crowd[i], world->engine, i);
    while (fd_writer_queue_length(world->engine) < CROWD)
        (void)sched_yield();

    fixture_fail_commits(world->store, 2, failures, error); /* the first is the one that is held */
    fixture_hold_commits(world->store, 0);
    assert_int_equal(pthread_join(first.thread, NULL), 0);
    assert_int_equal(first.result, 0);
    for (size_t i = 0; i < CROWD; i++)
        assert_int_equal(pthread_join(crowd[i].thread, NULL), 0);
    return fixture_commits(world->store) - before - 1;
}

static size_t count_results(const struct answerer *crowd, int result) {
    size_t count = 0;
    for (size_t i = 0; i < CROWD; i++)
        count += crowd[i].result == result;
    return count;
}

static void those_who_wait_share_a_transaction(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    struct answerer crowd[CROWD];
    world_open(&world);
    assert_int_equal(answer_together(&world, crowd, 0, 0), 1);
    assert_int_equal(count_results(crowd, 0), CROWD);
    assert_int_equal(fixture_model(world.engine).labels, CROWD + 1);
}

static void a_transaction_that_fails_is_tried_for_each_by_itself(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    struct answerer crowd[CROWD];
    world_open(&world);
    assert_int_equal(answer_together(&world, crowd, 1, -EIO), 1 + CROWD);
    assert_int_equal(count_results(crowd, 0), CROWD);
    assert_int_equal(fixture_model(world.engine).labels, CROWD + 1);
}

static void without_room_for_one_there_may_be_room_for_others(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    struct answerer crowd[CROWD];
    world_open(&world);
    assert_int_equal(answer_together(&world, crowd, 3, -ENOSPC), 1 + CROWD);
    assert_int_equal(count_results(crowd, -ENOSPC), 2);
    assert_int_equal(count_results(crowd, 0), CROWD - 2);
    assert_int_equal(fixture_model(world.engine).labels, CROWD - 2 + 1);
}

static void on_a_disk_that_fails_nobody_waits_for_the_trials_of_all(void **state) {
    (void)state;
    FD_CLEANUP(world_close) struct world world;
    struct answerer crowd[CROWD];
    world_open(&world);
    assert_int_equal(answer_together(&world, crowd, 1 + CROWD, -EIO), 2);
    assert_int_equal(count_results(crowd, -EIO), CROWD);
    assert_int_equal(fixture_model(world.engine).labels, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_who_wait_share_a_transaction),
        cmocka_unit_test(a_transaction_that_fails_is_tried_for_each_by_itself),
        cmocka_unit_test(without_room_for_one_there_may_be_room_for_others),
        cmocka_unit_test(on_a_disk_that_fails_nobody_waits_for_the_trials_of_all),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
