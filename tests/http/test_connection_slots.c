/* Who gets a place and who loses one, by the clock of the test. */
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
    fd_connection_slots places;
    fd_metrics *metrics;
    fd_connection_slot all[MANY];
    int peers[MANY];
    size_t n;
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    assert_non_null(world);
    assert_int_equal(fd_metrics_new(&world->metrics), 0);
    world->places = (fd_connection_slots){
        .limit = LIMIT,
        .patience = {[FD_ACTIVITY_QUIET] = 100,
                     [FD_ACTIVITY_ARRIVING] = 50,
                     [FD_ACTIVITY_RUNNING] = INFINITY,
                     [FD_ACTIVITY_SENDING] = 20},
        .metrics = world->metrics,
    };
    *state = world;
    return 0;
}

static void end(struct world *world, fd_connection_slot *place) {
    fd_connection_slots_remove(&world->places, place);
    (void)close(place->fd);
    (void)close(world->peers[place - world->all]);
    place->fd = -1;
}

static int tear_down(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < world->n; i++)
        if (world->all[i].fd >= 0)
            end(world, &world->all[i]);
    assert_null(world->places.all);
    assert_null(world->places.holders);
    assert_int_equal(world->places.taken, 0);
    assert_int_equal(world->places.surplus, 0);
    fd_metrics_free(world->metrics);
    free(world);
    return 0;
}

static fd_connection_slot *arrive(struct world *world, const char *address, double now) {
    fd_address parsed;
    int pair[2];
    assert_int_equal(fd_address_parse(address, strlen(address), &parsed), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    fd_connection_slot *place = &world->all[world->n];
    place->fd = pair[0];
    world->peers[world->n++] = pair[1];
    fd_connection_slots_add(&world->places, place, &parsed, now);
    return place;
}

static fd_connection_slot *arrive_trusted(struct world *world, const char *address, double now) {
    world->all[world->n].is_trusted = true;
    return arrive(world, address, now);
}

static bool is_closed(const struct world *world, const fd_connection_slot *place) {
    char byte;
    return recv(world->peers[place - world->all], &byte, 1, MSG_DONTWAIT) == 0;
}

static void everyone_gets_a_place_while_there_are_free_ones(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.1", 0)));
    for (size_t i = 0; i < LIMIT; i++)
        assert_false(is_closed(world, &world->all[i]));
}

static void whoever_has_most_makes_room_at_once(void **state) {
    struct world *world = *state;
    fd_connection_slot *modest = arrive(world, "192.0.2.9", 0);
    fd_connection_slot *greedy[3];
    for (size_t i = 0; i < 3; i++)
        greedy[i] = arrive(world, "192.0.2.1", (double)i / 10);
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.2", 0.3)));
    assert_true(is_closed(world, greedy[0]));
    assert_false(fd_connection_slots_has(&world->places, greedy[0]));
    assert_false(is_closed(world, modest));
    assert_int_equal(world->places.taken, LIMIT);
}

static void a_fair_share_is_left_in_peace_for_a_while(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < 2; i++)
        (void)arrive(world, "192.0.2.1", 0);
    for (size_t i = 0; i < 2; i++)
        (void)arrive(world, "192.0.2.2", 0);
    fd_connection_slot *early = arrive(world, "192.0.2.2", 0.5);
    assert_false(fd_connection_slots_has(&world->places, early));
    assert_int_equal(world->places.surplus, 1);
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.2", 1.5)));
}

static void of_one_address_the_one_that_waits_longest_makes_room(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        (void)arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->places, &world->all[0], FD_ACTIVITY_SENDING, 3);
    fd_connection_slots_enter(&world->places, &world->all[1], FD_ACTIVITY_ARRIVING, 2);
    fd_connection_slots_enter(&world->places, &world->all[2], FD_ACTIVITY_RUNNING, 1);
    fd_connection_slots_enter(&world->places, &world->all[3], FD_ACTIVITY_QUIET, 4);
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.1", 9)));
    assert_true(is_closed(world, &world->all[1]));
    fd_connection_slots_enter(&world->places, &world->all[4], FD_ACTIVITY_RUNNING, 9);
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.1", 10)));
    assert_true(is_closed(world, &world->all[0]));
}

static void what_runs_is_never_closed(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        fd_connection_slots_enter(&world->places, arrive(world, "192.0.2.1", 0),
                                  FD_ACTIVITY_RUNNING, 0);
    assert_false(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.2", 1000)));
    fd_connection_slots_next_deadline(&world->places, 1e9);
    for (size_t i = 0; i < LIMIT; i++)
        assert_false(is_closed(world, &world->all[i]));
}

static void requests_through_a_trusted_proxy_are_not_displaced(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        fd_connection_slots_enter(&world->places, arrive_trusted(world, "192.0.2.1", 0),
                                  FD_ACTIVITY_ARRIVING, 0);
    assert_false(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.2", 10)));
    fd_connection_slots_enter(&world->places, &world->all[2], FD_ACTIVITY_QUIET, 11);
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.2", 12)));
    assert_true(is_closed(world, &world->all[2]));
}

static void an_address_has_no_more_than_its_limit(void **state) {
    struct world *world = *state;
    world->places.address_limit = 2;
    fd_connection_slot *first = arrive(world, "192.0.2.1", 0);
    assert_true(fd_connection_slots_has(&world->places, first));
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "::ffff:192.0.2.1", 0)));
    fd_connection_slot *third = arrive(world, "192.0.2.1", 0);
    assert_false(fd_connection_slots_has(&world->places, third));
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "192.0.2.2", 0)));
    end(world, first);
    assert_true(fd_connection_slots_has(&world->places, third));
    assert_int_equal(world->places.surplus, 0);
}

static void a_network_of_ipv6_counts_as_one_address(void **state) {
    struct world *world = *state;
    world->places.address_limit = 1;
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "2001:db8:0:1::1", 0)));
    assert_false(fd_connection_slots_has(&world->places, arrive(world, "2001:db8:0:1:ffff::2", 0)));
    assert_true(fd_connection_slots_has(&world->places, arrive(world, "2001:db8:0:2::1", 0)));
}

static void a_trusted_proxy_has_as_many_as_it_needs(void **state) {
    struct world *world = *state;
    world->places.address_limit = 1;
    for (size_t i = 0; i < LIMIT; i++)
        assert_true(fd_connection_slots_has(&world->places, arrive_trusted(world, "192.0.2.1", 0)));
}

static void of_too_many_without_a_place_the_first_that_is_not_closed_is_closed(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT + FD_SURPLUS_MAX; i++)
        (void)arrive(world, "192.0.2.1", 0);
    assert_int_equal(world->places.surplus, FD_SURPLUS_MAX);
    assert_false(is_closed(world, &world->all[LIMIT]));
    (void)arrive(world, "192.0.2.1", 0);
    assert_int_equal(world->places.surplus, FD_SURPLUS_MAX);
    assert_true(is_closed(world, &world->all[LIMIT]));
    assert_false(is_closed(world, &world->all[LIMIT + 1]));
    (void)arrive(world, "192.0.2.1", 0);
    assert_int_equal(world->places.surplus, FD_SURPLUS_MAX);
    assert_true(is_closed(world, &world->all[LIMIT + 1]));
    assert_false(is_closed(world, &world->all[LIMIT + 2]));
}

static void each_activity_has_its_patience(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < 3; i++)
        (void)arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->places, &world->all[1], FD_ACTIVITY_ARRIVING, 1);
    fd_connection_slots_enter(&world->places, &world->all[2], FD_ACTIVITY_SENDING, 2);
    const struct {
        double now;
        size_t closed;
    } steps[] = {{21.9, MANY}, {22, 2}, {50.9, MANY}, {51, 1}, {99.9, MANY}, {100, 0}};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        unsigned before = world->places.taken;
        fd_connection_slots_next_deadline(&world->places, steps[i].now);
        assert_int_equal(world->places.taken, before - (steps[i].closed < MANY ? 1 : 0));
        if (steps[i].closed < MANY)
            assert_true(is_closed(world, &world->all[steps[i].closed]));
    }
}

static void activity_does_not_prolong_the_stay_without_a_place(void **state) {
    struct world *world = *state;
    for (size_t i = 0; i < LIMIT; i++)
        (void)arrive(world, "192.0.2.1", 0);
    fd_connection_slot *surplus = arrive(world, "192.0.2.1", 0);
    fd_connection_slots_enter(&world->places, surplus, FD_ACTIVITY_ARRIVING, 1);
    fd_connection_slots_enter(&world->places, surplus, FD_ACTIVITY_SENDING, 1.9);
    fd_connection_slots_next_deadline(&world->places, 1.9);
    assert_false(is_closed(world, surplus));
    fd_connection_slots_next_deadline(&world->places, 2.1);
    assert_true(is_closed(world, surplus));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(everyone_gets_a_place_while_there_are_free_ones),
        TEST(whoever_has_most_makes_room_at_once),
        TEST(a_fair_share_is_left_in_peace_for_a_while),
        TEST(of_one_address_the_one_that_waits_longest_makes_room),
        TEST(what_runs_is_never_closed),
        TEST(requests_through_a_trusted_proxy_are_not_displaced),
        TEST(an_address_has_no_more_than_its_limit),
        TEST(a_network_of_ipv6_counts_as_one_address),
        TEST(a_trusted_proxy_has_as_many_as_it_needs),
        TEST(of_too_many_without_a_place_the_first_that_is_not_closed_is_closed),
        TEST(each_activity_has_its_patience),
        TEST(activity_does_not_prolong_the_stay_without_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
