/* Locks that end with their scope, and timed waits on the monotonic clock. */
#include "thread.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

/* ---- scopes ---- */

static bool mutex_is_free(void) {
    if (pthread_mutex_trylock(&mutex) != 0)
        return false;
    assert_int_equal(pthread_mutex_unlock(&mutex), 0);
    return true;
}

static bool readers_may_enter(void) {
    if (pthread_rwlock_tryrdlock(&rwlock) != 0)
        return false;
    assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
    return true;
}

static bool writers_may_enter(void) {
    if (pthread_rwlock_trywrlock(&rwlock) != 0)
        return false;
    assert_int_equal(pthread_rwlock_unlock(&rwlock), 0);
    return true;
}

static void a_mutex_is_locked_until_the_end_of_its_scope(void **state) {
    (void)state;
    assert_true(mutex_is_free());
    {
        FD_LOCKED(&mutex);
        assert_false(mutex_is_free());
    }
    assert_true(mutex_is_free());
}

static int return_early(bool early) {
    FD_LOCKED(&mutex);
    if (early)
        return mutex_is_free() ? -1 : 1;
    return 0;
}

static void a_return_unlocks_after_its_value_is_computed(void **state) {
    (void)state;
    assert_int_equal(return_early(true), 1);
    assert_true(mutex_is_free());
    assert_int_equal(return_early(false), 0);
    assert_true(mutex_is_free());
}

static void continue_and_break_unlock(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        FD_LOCKED(&mutex); /* deadlocks if the round before left it locked */
        if (i == 0)
            continue;
        if (i == 1)
            break;
    }
    assert_true(mutex_is_free());
}

static void an_inner_scope_unlocks_its_own_lock_only(void **state) {
    (void)state;
    FD_WRITE_LOCKED(&rwlock);
    { FD_LOCKED(&mutex); }
    assert_true(mutex_is_free());
    assert_false(readers_may_enter());
}

static void readers_share_a_lock_and_a_writer_does_not(void **state) {
    (void)state;
    {
        FD_READ_LOCKED(&rwlock);
        assert_true(readers_may_enter());
        assert_false(writers_may_enter());
    }
    {
        FD_WRITE_LOCKED(&rwlock);
        assert_false(readers_may_enter());
        assert_false(writers_may_enter());
    }
    assert_true(writers_may_enter());
}

/* ---- conditions ---- */

struct signal {
    pthread_cond_t condition;
    bool sent; /* guarded by mutex */
};

static void signal_set_up(struct signal *signal) {
    fd_condition_init(&signal->condition);
    signal->sent = false;
}

static void a_wait_ends_after_its_seconds(void **state) {
    (void)state;
    struct signal signal;
    signal_set_up(&signal);
    double start = fd_monotonic_seconds(), deadline = start + 0.05;
    {
        FD_LOCKED(&mutex);
        while (fd_monotonic_seconds() < deadline)
            fd_condition_wait_for(&signal.condition, &mutex, deadline - fd_monotonic_seconds());
        assert_false(mutex_is_free());
    }
    assert_true(fd_monotonic_seconds() - start < 5);
    assert_int_equal(pthread_cond_destroy(&signal.condition), 0);
}

static void a_deadline_in_the_past_does_not_wait(void **state) {
    (void)state;
    struct signal signal;
    signal_set_up(&signal);
    double start = fd_monotonic_seconds();
    FD_LOCKED(&mutex);
    fd_condition_wait_until(&signal.condition, &mutex, start - 1);
    fd_condition_wait_until(&signal.condition, &mutex, 0);
    fd_condition_wait_for(&signal.condition, &mutex, 0);
    assert_true(fd_monotonic_seconds() - start < 5);
    assert_int_equal(pthread_cond_destroy(&signal.condition), 0);
}

/* A deadline of the monotonic clock is decades ago on the wall clock: a wait on that clock would
 * end at once. */
static void a_deadline_is_a_time_of_the_monotonic_clock(void **state) {
    (void)state;
    struct signal signal;
    signal_set_up(&signal);
    FD_LOCKED(&mutex);
    unsigned waits = 0;
    double deadline = fd_monotonic_seconds() + 0.05;
    while (fd_monotonic_seconds() < deadline) {
        fd_condition_wait_until(&signal.condition, &mutex, deadline);
        waits++;
    }
    assert_in_range(waits, 1, 5);
    assert_int_equal(pthread_cond_destroy(&signal.condition), 0);
}

static void *send(void *context) {
    struct signal *signal = context;
    FD_LOCKED(&mutex);
    signal->sent = true;
    (void)pthread_cond_signal(&signal->condition);
    return NULL;
}

static void a_signal_ends_a_wait_before_its_deadline(void **state) {
    (void)state;
    struct signal signal;
    pthread_t sender;
    signal_set_up(&signal);
    double deadline = fd_monotonic_seconds() + 60;
    {
        FD_LOCKED(&mutex);
        assert_int_equal(pthread_create(&sender, NULL, send, &signal), 0);
        while (!signal.sent && fd_monotonic_seconds() < deadline)
            fd_condition_wait_until(&signal.condition, &mutex, deadline);
        assert_true(signal.sent);
    }
    assert_true(fd_monotonic_seconds() < deadline);
    assert_int_equal(pthread_join(sender, NULL), 0);
    assert_int_equal(pthread_cond_destroy(&signal.condition), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mutex_is_locked_until_the_end_of_its_scope),
        cmocka_unit_test(a_return_unlocks_after_its_value_is_computed),
        cmocka_unit_test(continue_and_break_unlock),
        cmocka_unit_test(an_inner_scope_unlocks_its_own_lock_only),
        cmocka_unit_test(readers_share_a_lock_and_a_writer_does_not),
        cmocka_unit_test(a_wait_ends_after_its_seconds),
        cmocka_unit_test(a_deadline_in_the_past_does_not_wait),
        cmocka_unit_test(a_deadline_is_a_time_of_the_monotonic_clock),
        cmocka_unit_test(a_signal_ends_a_wait_before_its_deadline),
    };
    return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
