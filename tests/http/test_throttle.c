/* Failed authentications per address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "throttle.h"

static fd_address address_of(const char *text) {
    fd_address address;
    assert_int_equal(fd_address_parse(text, strlen(text), &address), 0);
    return address;
}

static void an_address_may_fail_ten_times_a_minute(void **state) {
    (void)state;
    static fd_throttle throttle;
    fd_address one = address_of("192.0.2.1"), other = address_of("192.0.2.2");
    fd_throttle_init(&throttle);
    for (size_t i = 0; i < FD_THROTTLE_FAILURES_ALLOWED; i++)
        assert_int_equal(fd_throttle_note_failure(&throttle, &one, 100.0), 0);
    assert_int_equal(fd_throttle_note_failure(&throttle, &one, 100.0), 6);
    assert_int_equal(fd_throttle_note_failure(&throttle, &one, 103.0), 3);
    assert_int_equal(fd_throttle_note_failure(&throttle, &other, 103.0), 0);
    assert_int_equal(fd_throttle_note_failure(&throttle, &one, 106.1), 0);
    assert_int_equal(fd_throttle_note_failure(&throttle, &one, 106.1), 6);
    for (size_t i = 0; i < FD_THROTTLE_FAILURES_ALLOWED; i++)
        assert_int_equal(fd_throttle_note_failure(&throttle, &one, 300.0), 0);
    assert_true(fd_throttle_note_failure(&throttle, &one, 300.0) > 0);
    fd_throttle_clear(&throttle);
}

static void a_flood_of_addresses_does_not_push_out_the_one_that_fails_most(void **state) {
    (void)state;
    static fd_throttle throttle;
    fd_address one = address_of("192.0.2.1");
    fd_throttle_init(&throttle);
    for (size_t i = 0; i < FD_THROTTLE_FAILURES_ALLOWED; i++)
        assert_int_equal(fd_throttle_note_failure(&throttle, &one, 100.0), 0);
    for (unsigned i = 0; i < 100000; i++) {
        fd_address next = address_of("10.0.0.0");
        next.bytes[13] = (uint8_t)(i >> 16);
        next.bytes[14] = (uint8_t)(i >> 8);
        next.bytes[15] = (uint8_t)i;
        assert_int_equal(fd_throttle_note_failure(&throttle, &next, 100.0), 0);
    }
    assert_true(fd_throttle_note_failure(&throttle, &one, 100.0) > 0);
    fd_throttle_clear(&throttle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_may_fail_ten_times_a_minute),
        cmocka_unit_test(a_flood_of_addresses_does_not_push_out_the_one_that_fails_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
