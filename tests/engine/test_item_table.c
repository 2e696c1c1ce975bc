/* Adding to the item table cannot fail once room was reserved. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "item_table.h"

/* ---- allocations, wrapped by the linker ---- */

static long granted = LONG_MAX; /* allocations that still succeed */

static bool is_refused(void) {
    return granted-- <= 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

void *__wrap_malloc(size_t size) {
    return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return is_refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    return is_refused() ? NULL : __real_reallocarray(old, n, size);
}

/* ---- items ---- */

enum { ITEMS_MAX = 3000, NAME_SIZE = 32 };

static void name(char id[NAME_SIZE], size_t item) {
    (void)snprintf(id, NAME_SIZE, "item-%zu", item);
}

static void make_room(fd_item_table *table, size_t n, fd_item_entry **entries) {
    static const char *prompts[ITEMS_MAX];
    for (size_t i = 0; i < n; i++) {
        char id[NAME_SIZE];
        name(id, table->count + i);
        assert_int_equal(fd_item_entry_new(&(fd_item_row){.id = id}, &entries[i]), 0);
        prompts[i] = i % 2 ? "odd" : "even";
    }
    assert_int_equal(fd_item_table_reserve(table, n, entries, prompts, n), 0);
}

static void expect_all(const fd_item_table *table) {
    char id[NAME_SIZE];
    for (size_t i = 0; i < table->count; i++) {
        name(id, i);
        const fd_item_entry *entry = fd_item_table_find(table, id);
        assert_non_null(entry);
        assert_int_equal(entry->index, i);
        assert_string_equal(entry->id, id);
    }
    name(id, table->count);
    assert_null(fd_item_table_find(table, id));
}

static void adding_items_with_reserved_room_needs_no_memory(void **state) {
    static const size_t at_once[] = {1, 30, 2, 1000, 1, ITEMS_MAX};
    static fd_item_entry *entries[ITEMS_MAX];
    fd_item_table table = {0};
    (void)state;
    expect_all(&table);
    for (size_t k = 0; k < FD_LENGTH(at_once); k++) {
        make_room(&table, at_once[k], entries);
        granted = 0;
        for (size_t i = 0; i < at_once[k]; i++)
            fd_item_table_add(&table, entries[i]);
        granted = LONG_MAX;
        expect_all(&table);
    }
    fd_item_table_clear(&table);
}

static void when_reserving_fails_the_items_so_far_are_still_found(void **state) {
    static fd_item_entry *entries[ITEMS_MAX];
    fd_item_table table = {0};
    (void)state;
    make_room(&table, 64, entries);
    for (size_t i = 0; i < 64; i++)
        fd_item_table_add(&table, entries[i]);
    for (long first = 0; first < 2; first++) {
        granted = first;
        assert_int_equal(fd_item_table_reserve(&table, ITEMS_MAX, NULL, NULL, 0), -ENOMEM);
        granted = LONG_MAX;
        expect_all(&table);
    }
    fd_item_table_clear(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_items_with_reserved_room_needs_no_memory),
        cmocka_unit_test(when_reserving_fails_the_items_so_far_are_still_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
