/* What is read of a server's answer, and what is refused. */
#include "embedding_reply.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int reply(const char *body, size_t n, size_t dimension, fd_vectors *ret, fd_fault *fault) {
    *ret = (fd_vectors){0};
    *fault = (fd_fault){0};
    return fd_embedding_reply_read(body, strlen(body), n, dimension, ret, fault);
}

static void vectors_come_in_the_order_of_their_index(void **state) {
    static const char *const bodies[] = {
        "{\"data\":[{\"index\":1,\"embedding\":[3,-4]},{\"index\":0,\"embedding\":[1,2e-1]}]}",
        "{\"data\":[{\"index\":0,\"embedding\":\"AACAP83MTD4=\"},"
        "{\"index\":1,\"embedding\":[3,-4]}],\"model\":\"m\",\"usage\":{\"total_tokens\":2}}",
    };
    const float expected[] = {1, 0.2F, 3, -4};
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(bodies); i++) {
        fd_vectors vectors;
        fd_fault fault = {0};
        assert_int_equal(reply(bodies[i], 2, i == 0 ? 0 : 2, &vectors, &fault), 0);
        assert_int_equal(vectors.dimension, 2);
        assert_memory_equal(vectors.values, expected, sizeof(expected));
        free(vectors.values);
    }
}

static void anything_else_is_refused_with_a_reason(void **state) {
    static const struct {
        const char *body;
        const char *word;
    } cases[] = {
        {"", "not JSON"},
        {"[]", "0 vectors for 2"},
        {"{}", "0 vectors"},
        {"{\"data\":{}}", "0 vectors"},
        {"{\"data\":[1]}", "1 vectors"},
        {"{\"data\":[1,2]}", "number its vectors from 0 to 1"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}", "number"},
        {"{\"data\":[{\"index\":-1,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}", "number"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":2,\"embedding\":[1]}]}", "number"},
        {"{\"data\":[{\"index\":0},{\"index\":1}]}", "neither"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1,2]}]}", "2 num"},
        {"{\"data\":[{\"index\":0,\"embedding\":[]},{\"index\":1,\"embedding\":[]}]}", "0 numbers"},
        {"{\"data\":[{\"index\":0,\"embedding\":[\"1\"]},{\"index\":1,\"embedding\":[1]}]}",
         "finite"},
        {"{\"data\":[{\"index\":0,\"embedding\":[1e30]},{\"index\":1,\"embedding\":[1]}]}",
         "finite"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AADAfw==\"},{\"index\":1,\"embedding\":[1]}]}",
         "finite"},
        {"{\"data\":[{\"index\":0,\"embedding\":\"AAAA\"},{\"index\":1,\"embedding\":[1]}]}",
         "base64"},
        {"{\"data\":[],\"data\":[]}", "not JSON"},
        {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "too deep"},
    };
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        fd_vectors vectors;
        fd_fault fault = {0};
        assert_int_equal(reply(cases[i].body, 2, 0, &vectors, &fault), -EPROTO);
        assert_non_null(strstr(fault.detail, cases[i].word));
        assert_null(vectors.values);
    }
}

static void a_known_dimension_binds_the_vectors(void **state) {
    fd_vectors vectors;
    fd_fault fault = {0};
    (void)state;
    assert_int_equal(
        reply("{\"data\":[{\"index\":0,\"embedding\":[1,2]}]}", 1, 3, &vectors, &fault), -EPROTO);
    assert_non_null(strstr(fault.detail, "2 numbers, others have 3"));
}

static void brackets_in_strings_are_not_deep(void **state) {
    fd_vectors vectors;
    fd_fault fault = {0};
    (void)state;
    assert_int_equal(reply("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[\","
                           "\"data\":[{\"index\":0,\"embedding\":[1]}]}",
                           1, 0, &vectors, &fault),
                     0);
    free(vectors.values);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_come_in_the_order_of_their_index),
        cmocka_unit_test(anything_else_is_refused_with_a_reason),
        cmocka_unit_test(a_known_dimension_binds_the_vectors),
        cmocka_unit_test(brackets_in_strings_are_not_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
