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

static void make_room(fd_item_table *table, size_t n, fd_item_entry *entries) {
    static const char *prompts[ITEMS_MAX];
    for (size_t i = 0; i < n; i++) {
        char id[NAME_SIZE];
        name(id, table->count + i);
        assert_int_equal(fd_item_entry_make(table, &(fd_item_row){.id = id}, &entries[i]), 0);
        prompts[i] = i % 2 ? "odd" : "even";
    }
    assert_int_equal(fd_item_table_reserve(table, n, entries, prompts, n), 0);
}

static void expect_all(const fd_item_table *table) {
    char id[NAME_SIZE];
    for (size_t i = 0; i < table->count; i++) {
        name(id, i);
        assert_int_equal(fd_item_table_find(table, id), i);
        assert_string_equal(table->entries[i].id, id);
    }
    name(id, table->count);
    assert_int_equal(fd_item_table_find(table, id), FD_NO_ROW);
}

static void adding_items_with_reserved_room_needs_no_memory(void **state) {
    static const size_t at_once[] = {1, 30, 2, 1000, 1, ITEMS_MAX};
    static fd_item_entry entries[ITEMS_MAX];
    fd_item_table table = {0};
    (void)state;
    expect_all(&table);
    for (size_t k = 0; k < FD_LENGTH(at_once); k++) {
        make_room(&table, at_once[k], entries);
        granted = 0;
        for (size_t i = 0; i < at_once[k]; i++)
            fd_item_table_add(&table, &entries[i]);
        granted = LONG_MAX;
        expect_all(&table);
    }
    fd_item_table_clear(&table);
}

static void when_reserving_fails_the_items_so_far_are_still_found(void **state) {
    static fd_item_entry entries[ITEMS_MAX];
    fd_item_table table = {0};
    (void)state;
    make_room(&table, 64, entries);
    for (size_t i = 0; i < 64; i++)
        fd_item_table_add(&table, &entries[i]);
    for (long first = 0; first < 2; first++) {
        granted = first;
        assert_int_equal(fd_item_table_reserve(&table, ITEMS_MAX, NULL, NULL, 0), -ENOMEM);
        granted = LONG_MAX;
        expect_all(&table);
    }
    fd_item_table_clear(&table);
}

/* ---- pairs within prompts ---- */

enum { PROMPTS_MAX = 37, PAIRED_ITEMS = 400 };

static void every_pair_within_a_prompt_has_one_number(void **state) {
    fd_item_table table = {0};
    (void)state;
    for (size_t i = 0; i < PAIRED_ITEMS; i++) {
        char id[NAME_SIZE], prompt[NAME_SIZE];
        const char *prompts[] = {prompt};
        fd_item_entry entry;
        name(id, i);
        /* Prompts of one item, of few and of many, and some that come late. */
        (void)snprintf(prompt, NAME_SIZE, "prompt-%zu", i * i * i % (1 + i % PROMPTS_MAX));
        assert_int_equal(fd_item_entry_make(&table, &(fd_item_row){.id = id}, &entry), 0);
        assert_int_equal(fd_item_table_reserve(&table, 1, &entry, prompts, 1), 0);
        fd_item_table_add(&table, &entry);

        uint64_t pairs = 0, seen[PROMPTS_MAX] = {0};
        for (size_t k = 0; k < table.prompt_count; k++)
            pairs += (uint64_t)table.prompts[k].count * (table.prompts[k].count - 1) / 2;
        assert_int_equal(table.pairs, pairs);
        if (i % 13 > 0)
            continue;
        for (uint64_t number = 0; number < pairs; number++) {
            uint64_t within = number;
            const fd_prompt *of = fd_item_table_prompt_of_pair(&table, &within);
            assert_int_equal(within, seen[fd_prompt_number(&table, of)]++);
        }
        size_t paired = 0;
        for (size_t k = 0; k < table.prompt_count; k++) {
            size_t count = table.prompts[k].count;
            assert_int_equal(seen[k], count * (count - 1) / 2);
            paired += count > 1;
        }
        assert_int_equal(table.paired_count, paired);
    }
    fd_item_table_clear(&table);
}

static void a_larger_index_is_made_before_it_is_used(void **state) {
    static fd_item_entry entries[ITEMS_MAX];
    fd_item_table table = {0};
    fd_item_index larger;
    (void)state;
    make_room(&table, 64, entries);
    for (size_t i = 0; i < 64; i++)
        fd_item_table_add(&table, &entries[i]);
    assert_int_equal(fd_item_index_new(&table, 64, 1, &larger), 0);
    size_t before = table.index.items.n_slots;
    fd_item_index_exchange(&table, &larger);
    assert_in_range(table.index.items.n_slots, 1, before * 2);
    fd_item_index_clear(&larger);
    expect_all(&table);
    assert_int_equal(fd_item_index_new(&table, ITEMS_MAX, 1, &larger), 0);
    fd_item_index_exchange(&table, &larger);
    fd_item_index_clear(&larger);
    granted = 0; /* no larger one is needed */
    fd_item_index none;
    assert_int_equal(fd_item_index_new(&table, ITEMS_MAX, 1, &none), 0);
    granted = LONG_MAX;
    assert_int_equal(none.items.n_slots, 0);
    expect_all(&table);
    fd_item_table_clear(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_items_with_reserved_room_needs_no_memory),
        cmocka_unit_test(when_reserving_fails_the_items_so_far_are_still_found),
        cmocka_unit_test(every_pair_within_a_prompt_has_one_number),
        cmocka_unit_test(a_larger_index_is_made_before_it_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
