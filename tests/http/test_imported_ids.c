/* The set of items that an import has seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "imported_ids.h"

static void add(fd_imported_ids *ids, const fd_item_row *row, bool by_texts, bool is_new,
                bool is_same) {
    bool found_new, found_same;
    assert_int_equal(fd_imported_ids_add(ids, row, by_texts, &found_new, &found_same), 0);
    assert_int_equal(found_new, is_new);
    if (!is_new)
        assert_int_equal(found_same, is_same);
}

static void an_item_is_the_same_only_with_all_of_its_content(void **state) {
    static const float numbers[] = {1, 2}, others[] = {1, 3};
    fd_imported_ids ids = {0};
    const fd_item_row row = {.id = "i",
                             .prompt_id = "p",
                             .prompt = "a",
                             .response = "b",
                             .metadata = "{}",
                             .embedding = numbers,
                             .dimension = 2};
    fd_item_row other[] = {row, row, row, row, row, row, row};
    (void)state;
    other[0].prompt_id = "q";
    other[1].prompt = "";
    other[2].prompt = NULL;
    other[3].response = "ab";
    other[4].metadata = NULL;
    other[5].embedding = others;
    other[6].embedding = NULL;
    add(&ids, &row, false, true, false);
    add(&ids, &row, false, false, true);
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        add(&ids, &other[i], false, false, false);
        bool has_its_texts = i == 0 || i > 3;
        add(&ids, &other[i], true, false, has_its_texts);
    }
    fd_imported_ids_clear(&ids);
}

static void a_text_does_not_run_into_the_next_one(void **state) {
    fd_imported_ids ids = {0};
    (void)state;
    add(&ids, &(fd_item_row){.id = "i", .prompt_id = "p", .prompt = "ab", .response = "c"}, false,
        true, false);
    add(&ids, &(fd_item_row){.id = "i", .prompt_id = "p", .prompt = "a", .response = "bc"}, false,
        false, false);
    fd_imported_ids_clear(&ids);
}

static void many_items_are_found_again_and_forgotten_after_a_reset(void **state) {
    enum { MANY = 100000 };
    fd_imported_ids ids = {0};
    char id[32];
    size_t grown = 0;
    (void)state;
    assert_false(fd_imported_ids_has(&ids, "1"));
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        size_t room = ids.room, growth = fd_imported_ids_growth(&ids);
        add(&ids, &(fd_item_row){.id = id, .prompt_id = id}, false, true, false);
        assert_int_equal(ids.room != room, growth > 0); /* what it says that it takes */
        if (growth > 0)
            assert_int_equal(ids.room * sizeof(*ids.slots), growth);
        grown += growth > 0;
    }
    assert_int_equal(ids.n, MANY);
    assert_true(grown > 1);
    for (int i = 0; i < 2 * MANY; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        assert_int_equal(fd_imported_ids_has(&ids, id), i < MANY);
    }
    fd_imported_ids_reset(&ids);
    assert_false(fd_imported_ids_has(&ids, "1"));
    fd_imported_ids_clear(&ids);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_the_same_only_with_all_of_its_content),
        cmocka_unit_test(a_text_does_not_run_into_the_next_one),
        cmocka_unit_test(many_items_are_found_again_and_forgotten_after_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
