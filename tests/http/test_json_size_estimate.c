/* The memory estimated for a body, against what jansson allocates. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json_read.h"
#include "json_size_estimate.h"
#include "rng.h"

static size_t allocated, most_allocated;

/* With its header, in units of 16 bytes: what glibc takes, under a sanitizer's malloc too. */
static size_t memory_of(void *block) {
    size_t taken = (malloc_usable_size(block) + sizeof(size_t) + 15) / 16 * 16;
    return !block ? 0 : taken < 32 ? 32 : taken;
}

static void *count_and_allocate(size_t size) {
    void *block = malloc(size);
    allocated += memory_of(block);
    most_allocated = allocated > most_allocated ? allocated : most_allocated;
    return block;
}

static void count_and_free(void *block) {
    allocated -= memory_of(block);
    free(block);
}

/* The opening, `what` count times between commas, the closing. %zu in `what` is its number. */
static char *repeated(const char *opening, const char *what, const char *closing, size_t count,
                      size_t *ret_size) {
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);
    assert_non_null(out);
    (void)fputs(opening, out);
    for (size_t i = 0; i < count; i++) {
        (void)fputs(i > 0 ? "," : "", out);
        (void)fprintf(out, what, i);
    }
    (void)fputs(closing, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void the_estimate_is_enough_and_not_far_more(void **state) {
    (void)state;
    const struct {
        const char *opening, *what, *closing;
        double most; /* times what is allocated */
    } shapes[] = {
        {"{\"x\":[", "1", "]}", 3},
        {"{\"x\":[", "-0.12345", "]}", 3},
        {"{\"x\":[", "null", "]}", 8},
        {"{\"x\":[", "[]", "]}", 3},
        {"{\"x\":[", "[1]", "]}", 3},
        {"{\"x\":[", "{}", "]}", 3},
        {"{\"x\":[", "{\"a\":1}", "]}", 3},
        {"{\"x\":[", "{\"a\":\"%zu\",\"b\":\"%zu\",\"c\":[1,2,3]}", "]}", 3},
        {"{\"x\":[", "\"\"", "]}", 3},
        {"{\"x\":[", "\"a%zu\"", "]}", 3},
        {"{\"x\":[", "\",,,,,[[[[\"", "]}", 3},
        {"{", "\"%zu\":1", "}", 3},
        {"{", "\"key%zu\":{\"a\":[]}", "}", 3},
        {"{", "\"a rather long key, of which there are many: %zu\":true", "}", 3},
    };
    fd_fault none = {0};
    json_t *first = NULL;
    assert_int_equal(fd_json_parse("{}", 2, &first, &none),
                     0); /* which sets its own functions once */
    json_decref(first);
    json_malloc_t plain_malloc;
    json_free_t plain_free;
    json_get_alloc_funcs(&plain_malloc, &plain_free);
    for (size_t i = 0; i < FD_LENGTH(shapes); i++) {
        for (size_t count = 1000; count <= 33000; count = count * 2 + 25) {
            size_t size;
            FD_FREE char *text =
                repeated(shapes[i].opening, shapes[i].what, shapes[i].closing, count, &size);
            fd_fault fault = {0};
            json_t *root = NULL;
            json_set_alloc_funcs(count_and_allocate, count_and_free);
            allocated = most_allocated = 0;
            assert_int_equal(fd_json_parse(text, size, &root, &fault), 0);
            json_decref(root);
            json_set_alloc_funcs(plain_malloc, plain_free);
            size_t estimated = fd_json_estimate(text, size).memory;
            assert_true(most_allocated <= estimated);
            assert_true((double)estimated <= shapes[i].most * (double)most_allocated);
        }
    }
}
#pragma GCC diagnostic pop

/* Byte by byte, which the estimate was before it went through strings at once. */
static fd_json_extent slow_estimate(const char *body, size_t size) {
    static const unsigned short memory_of[256] = {
        [','] = 72, ['['] = 208, ['{'] = 320, [':'] = 112, ['"'] = 112};
    fd_json_extent extent = {.memory = size};
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = body[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
            continue;
        }
        in_string = c == '"';
        depth += c == '[' || c == '{';
        depth -= (c == ']' || c == '}') && depth > 0;
        extent.depth = depth > extent.depth ? depth : extent.depth;
        extent.memory += memory_of[(unsigned char)c];
    }
    return extent;
}

static void strings_end_where_their_escapes_let_them(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(7);
    static const char letters[] = "\"\"\"\\\\\\[{]},:a";
    for (int n = 0; n < 200000; n++) {
        char body[24];
        size_t size = fd_rng_below(&rng, sizeof(body) + 1);
        for (size_t i = 0; i < size; i++)
            body[i] = letters[fd_rng_below(&rng, sizeof(letters) - 1)];
        fd_json_extent slow = slow_estimate(body, size), found = fd_json_estimate(body, size);
        assert_int_equal(found.depth, slow.depth);
        assert_int_equal(found.memory, slow.memory);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_is_enough_and_not_far_more),
        cmocka_unit_test(strings_end_where_their_escapes_let_them),
    };
    return cmocka_run_group_tests_name("json_size_estimate", tests, NULL, NULL);
}
