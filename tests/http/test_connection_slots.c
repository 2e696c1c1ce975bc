/* Which connections get slots and which lose them, by the test's own clock. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "connection_slots.h"

enum { LIMIT = 4, MANY = 100 };

struct world {
    fd_connection_slots slots;
    fd_metrics *metrics;
    fd_connection_slot all[MANY];
    int peers[MANY];
    size_t n;
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    assert_int_equal(fd_metrics_new(&world->metrics), 0);
    world->slots = (fd_connection_slots){
        .limit = LIMIT,
        .seconds_allowed = {[FD_ACTIVITY_QUIET] = 100,
                            [FD_ACTIVITY_ARRIVING] = 50,
                            [FD_ACTIVITY_RUNNING] = INFINITY,
                            [FD_ACTIVITY_SENDING] = 20,
                            [FD_ACTIVITY_STREAMING] = 10},
        .stream_rate = 100,
        .metrics = world->metrics,
    };
    *state = world;
    return 0;
}

static void end(struct world *world, fd_connection_slot *slot) {
    fd_connection_slots_remove(&world->slots, slot);
    (void)close(slot->fd);
    (void)close(world->peers[slot - world->all]);
    slot->fd = -1;
}

static int tear_down(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < world->n; i++)
        if (world->all[i].fd >= 0)
            end(world, &world->all[i]);
    assert_null(world->slots.all);
    assert_null(world->slots.holders);
    assert_int_equal(world->slots.taken, 0);
    assert_int_equal(world->slots.surplus, 0);
    fd_metrics_free(world->metrics);
    free(world);
    return 0;
}

static fd_connection_slot *arrive(struct world *world, const char *address, double now) {
    fd_address parsed;
    int pair[2];
    assert_int_equal(fd_address_parse(address, strlen(address), &parsed), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fd_connection_slot *slot = &world->all[world->n];
    slot->fd = pair[0];
    world->peers[world->n++] = pair[1];
    fd_connection_slots_add(&world->slots, slot, &parsed, now);
    return slot;
}

static fd_connection_slot *arrive_trusted(struct world *world, const char *address, double now) {
    world->all[world->n].is_trusted = true;
    return arrive(world, address, now);
}

static bool is_closed(const struct world *world, const fd_connection_slot *slot) {
    char byte;
    return recv(world->peers[slot - world->all], &byte, 1, MSG_DONTWAIT) == 0;
}

static void connections_get_slots_while_some_are_free(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.1", 0)));
    for (size_t i = 0; i < LIMIT; i++)
        assert_false(is_closed(world, &world->all[i]));
}

static void a_new_connection_replaces_one_of_the_address_that_holds_the_most(void **state) {
    struct world *world = *state;
    fd_connection_slot *modest = arrive(world, "192.0.2.9", 0);
    fd_connection_slot *greedy[3];
    for (size_t i = 0; i < 3; i++)
        greedy[i] = arrive(world, "192.0.2.1", (double)i / 10);
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.2", 0.3)));
    assert_true(is_closed(world, greedy[0]));
    assert_false(fd_connection_slots_has(&world->slots, greedy[0]));
    assert_false(is_closed(world, modest));
    assert_int_equal(world->slots.taken, LIMIT);
}

static void an_address_that_holds_no_more_is_not_replaced_at_once(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < 2; i++)
        (void)arrive(world, "192.0.2.1", 0);
    for (size_t i = 0; i < 2; i++)
        (void)arrive(world, "192.0.2.2", 0);
    fd_connection_slot *early = arrive(world, "192.0.2.2", 0.5);
    assert_false(fd_connection_slots_has(&world->slots, early));
    assert_int_equal(world->slots.surplus, 1);
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.2", 1.5)));
}

static void the_longest_idle_connection_of_an_address_is_replaced(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        (void)arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->slots, &world->all[0], FD_ACTIVITY_SENDING, 3);
    fd_connection_slots_enter(&world->slots, &world->all[1], FD_ACTIVITY_ARRIVING, 2);
    fd_connection_slots_enter(&world->slots, &world->all[2], FD_ACTIVITY_RUNNING, 1);
    fd_connection_slots_enter(&world->slots, &world->all[3], FD_ACTIVITY_QUIET, 4);
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.1", 9)));
    assert_true(is_closed(world, &world->all[1]));
    fd_connection_slots_enter(&world->slots, &world->all[4], FD_ACTIVITY_RUNNING, 9);
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.1", 10)));
    assert_true(is_closed(world, &world->all[0]));
}

static void a_running_request_is_never_cut_off(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        fd_connection_slots_enter(&world->slots, arrive(world, "192.0.2.1", 0), FD_ACTIVITY_RUNNING,
                                  0);
    assert_false(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.2", 1000)));
    fd_connection_slots_close_overdue(&world->slots, 1e9);
    for (size_t i = 0; i < LIMIT; i++)
        assert_false(is_closed(world, &world->all[i]));
}

static void requests_through_a_trusted_proxy_are_not_replaced(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        fd_connection_slots_enter(&world->slots, arrive_trusted(world, "192.0.2.1", 0),
                                  FD_ACTIVITY_ARRIVING, 0);
    assert_false(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.2", 10)));
    fd_connection_slots_enter(&world->slots, &world->all[2], FD_ACTIVITY_QUIET, 11);
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.2", 12)));
    assert_true(is_closed(world, &world->all[2]));
}

static void an_address_gets_at_most_its_limit(void **state) {
    struct world *world = *state;
    world->slots.address_limit = 2;
    fd_connection_slot *first = arrive(world, "192.0.2.1", 0);
    assert_true(fd_connection_slots_has(&world->slots, first));
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "::ffff:192.0.2.1", 0)));
    fd_connection_slot *third = arrive(world, "192.0.2.1", 0);
    assert_false(fd_connection_slots_has(&world->slots, third));
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "192.0.2.2", 0)));
    end(world, first);
    assert_true(fd_connection_slots_has(&world->slots, third));
    assert_int_equal(world->slots.surplus, 0);
}

static void an_ipv6_network_counts_as_one_address(void **state) {
    struct world *world = *state;
    world->slots.address_limit = 1;
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "2001:db8:0:1::1", 0)));
    assert_false(fd_connection_slots_has(&world->slots, arrive(world, "2001:db8:0:1:ffff::2", 0)));
    assert_true(fd_connection_slots_has(&world->slots, arrive(world, "2001:db8:0:2::1", 0)));
}

static void the_limit_of_an_address_does_not_apply_to_a_trusted_proxy(void **state) {
    struct world *world = *state;
    world->slots.address_limit = 1;
    for (size_t i = 0; i < LIMIT; i++)
        assert_true(fd_connection_slots_has(&world->slots, arrive_trusted(world, "192.0.2.1", 0)));
}

static void the_oldest_surplus_connection_is_closed_when_there_are_too_many(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT + FD_SURPLUS_MAX; i++)
        (void)arrive(world, "192.0.2.1", 0);
    assert_int_equal(world->slots.surplus, FD_SURPLUS_MAX);
    assert_false(is_closed(world, &world->all[LIMIT]));
    (void)arrive(world, "192.0.2.1", 0);
    assert_int_equal(world->slots.surplus, FD_SURPLUS_MAX);
    assert_true(is_closed(world, &world->all[LIMIT]));
    assert_false(is_closed(world, &world->all[LIMIT + 1]));
    (void)arrive(world, "192.0.2.1", 0);
    assert_int_equal(world->slots.surplus, FD_SURPLUS_MAX);
    assert_true(is_closed(world, &world->all[LIMIT + 1]));
    assert_false(is_closed(world, &world->all[LIMIT + 2]));
}

static void each_activity_has_its_own_deadline(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < 3; i++)
        (void)arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->slots, &world->all[1], FD_ACTIVITY_ARRIVING, 1);
    fd_connection_slots_enter(&world->slots, &world->all[2], FD_ACTIVITY_SENDING, 2);
    const struct {
        double now;
        size_t closed;
    } steps[] = {{21.9, MANY}, {22, 2}, {50.9, MANY}, {51, 1}, {99.9, MANY}, {100, 0}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        unsigned before = world->slots.taken;
        fd_connection_slots_close_overdue(&world->slots, steps[i].now);
        assert_int_equal(world->slots.taken, before - (steps[i].closed < MANY ? 1 : 0));
        if (steps[i].closed < MANY)
            assert_true(is_closed(world, &world->all[steps[i].closed]));
    }
}

static void activity_does_not_extend_the_deadline_of_a_surplus_connection(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        (void)arrive(world, "192.0.2.1", 0);
    fd_connection_slot *surplus = arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->slots, surplus, FD_ACTIVITY_ARRIVING, 1);
    fd_connection_slots_enter(&world->slots, surplus, FD_ACTIVITY_SENDING, 1.9);
    fd_connection_slots_close_overdue(&world->slots, 1.9);
    assert_false(is_closed(world, surplus));
    fd_connection_slots_close_overdue(&world->slots, 2.1);
    assert_true(is_closed(world, surplus));
}

/* ---- streamed bodies: a credit of 10 s, and 100 bytes earn one of them ---- */

static unsigned broken_off(struct world *world, fd_connection_slot *slot, double now) {
    fd_connection_slots_close_overdue(&world->slots, now);
    return atomic_load(&slot->broken_off);
}

/* Bytes arrive, and are worked on for some seconds. */
static void stream(struct world *world, fd_connection_slot *slot, size_t bytes, double now,
                   double work) {
    fd_connection_slots_count_streamed(&world->slots, slot, bytes, now);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_RUNNING, now);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_STREAMING, now + work);
}

static void a_stream_that_waits_is_broken_off_and_then_closed(void **state) {
    struct world *world = *state;
    fd_connection_slot *slot = arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_STREAMING, 5);
    assert_int_equal(broken_off(world, slot, 14.9), 0);
    assert_int_equal(broken_off(world, slot, 15), 408);
    assert_false(is_closed(world, slot)); /* its thread responds */
    fd_connection_slots_close_overdue(&world->slots, 16.9);
    assert_false(is_closed(world, slot));
    fd_connection_slots_close_overdue(&world->slots, 17);
    assert_true(is_closed(world, slot));
}

static void a_stream_at_the_least_rate_goes_on_and_a_slower_one_does_not(void **state) {
    struct world *world = *state;
    fd_connection_slot *steady = arrive(world, "192.0.2.1", 0);
    fd_connection_slot *slow = arrive(world, "192.0.2.2", 0);
    fd_connection_slots_enter(&world->slots, steady, FD_ACTIVITY_STREAMING, 0);
    fd_connection_slots_enter(&world->slots, slow, FD_ACTIVITY_STREAMING, 0);
    unsigned second = 1;
    for (; second < 1000 && broken_off(world, slow, second) == 0; second++) {
        stream(world, steady, 100, second, 0);
        stream(world, slow, 50, second, 0);
    }
    assert_int_equal(second, 19); /* half a second less with each */
    for (; second < 1000; second++) {
        stream(world, steady, 100, second, 0);
        assert_int_equal(broken_off(world, steady, second), 0);
    }
}

static void a_stream_saves_no_more_than_its_credit(void **state) {
    struct world *world = *state;
    fd_connection_slot *slot = arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_STREAMING, 0);
    stream(world, slot, 1 << 30, 1, 0);
    assert_int_equal(broken_off(world, slot, 10.9), 0);
    assert_int_equal(broken_off(world, slot, 11), 408);
}

static void the_time_of_work_on_a_stream_is_not_its_clients(void **state) {
    struct world *world = *state;
    fd_connection_slot *slot = arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_STREAMING, 0);
    fd_connection_slots_count_streamed(&world->slots, slot, 100, 4);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_RUNNING, 4);
    assert_int_equal(broken_off(world, slot, 5000), 0);
    fd_connection_slots_enter(&world->slots, slot, FD_ACTIVITY_STREAMING, 5000);
    assert_int_equal(broken_off(world, slot, 5006.9), 0);
    assert_int_equal(broken_off(world, slot, 5007), 408);
}

static void only_streams_are_broken_off_when_the_server_stops(void **state) {
    struct world *world = *state;
    static const fd_activity activities[] = {FD_ACTIVITY_STREAMING, FD_ACTIVITY_RUNNING,
                                             FD_ACTIVITY_ARRIVING};
    for (size_t i = 0; i < 3; i++)
        fd_connection_slots_enter(&world->slots, arrive(world, "192.0.2.1", 0), activities[i], 0);
    fd_connection_slots_break_off_streams(&world->slots, 503);
    assert_int_equal(atomic_load(&world->all[0].broken_off), 503);
    assert_int_equal(atomic_load(&world->all[1].broken_off), 0);
    assert_int_equal(atomic_load(&world->all[2].broken_off), 0);
    /* Another request of the same connection is none. */
    fd_connection_slots_enter(&world->slots, &world->all[0], FD_ACTIVITY_QUIET, 1);
    assert_false(world->all[0].is_streamed);
}

static void a_stream_is_not_replaced(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        fd_connection_slots_enter(&world->slots, arrive(world, "192.0.2.1", 0),
                                  FD_ACTIVITY_STREAMING, 0);
    assert_null(arrive(world, "192.0.2.2", 9)->holder);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(connections_get_slots_while_some_are_free),
        TEST(a_new_connection_replaces_one_of_the_address_that_holds_the_most),
        TEST(an_address_that_holds_no_more_is_not_replaced_at_once),
        TEST(the_longest_idle_connection_of_an_address_is_replaced),
        TEST(a_running_request_is_never_cut_off),
        TEST(requests_through_a_trusted_proxy_are_not_replaced),
        TEST(an_address_gets_at_most_its_limit),
        TEST(an_ipv6_network_counts_as_one_address),
        TEST(the_limit_of_an_address_does_not_apply_to_a_trusted_proxy),
        TEST(the_oldest_surplus_connection_is_closed_when_there_are_too_many),
        TEST(each_activity_has_its_own_deadline),
        TEST(activity_does_not_extend_the_deadline_of_a_surplus_connection),
        TEST(a_stream_that_waits_is_broken_off_and_then_closed),
        TEST(a_stream_at_the_least_rate_goes_on_and_a_slower_one_does_not),
        TEST(a_stream_saves_no_more_than_its_credit),
        TEST(the_time_of_work_on_a_stream_is_not_its_clients),
        TEST(only_streams_are_broken_off_when_the_server_stops),
        TEST(a_stream_is_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
