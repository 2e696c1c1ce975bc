/* Shared files in the store: writing them in the place of a version, and reading what is new. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends.h"

static int write_text(fd_store *store, const char *name, const char *text, uint64_t replaced) {
    return store->operations->shared_file_write(store, name, text, strlen(text), replaced);
}

static int keep(void *context, const fd_shared_file *file) {
    (void)snprintf(context, 80, "%s %d %.*s", file->name, (int)file->version, (int)file->size,
                   file->size > 0 ? (const char *)file->bytes : "");
    return 0;
}

/* "" where nothing is visited. */
static const char *read_new(fd_store *store, const char *name, uint64_t known) {
    static char text[80];
    memset(text, 0, sizeof(text));
    assert_int_equal(store->operations->shared_file_read(store, name, known, keep, text), 0);
    return text;
}

static void a_file_is_read_unless_its_version_is_known(void **state) {
    fd_store *store = backend_of(state);
    assert_string_equal(read_new(store, "tokens", 0), "");
    assert_int_equal(write_text(store, "tokens", "first", 0), 0);
    assert_string_equal(read_new(store, "tokens", 0), "tokens 1 first");
    assert_string_equal(read_new(store, "tokens", 1), "");
    assert_int_equal(write_text(store, "tokens", "second", 1), 0);
    assert_string_equal(read_new(store, "tokens", 1), "tokens 2 second");
    assert_string_equal(read_new(store, "key", 0), "");
    fixture_check(store);
}

static void files_have_names_and_versions_of_their_own(void **state) {
    fd_store *store = backend_of(state);
    assert_int_equal(write_text(store, "one", "a", 0), 0);
    assert_int_equal(write_text(store, "two", "b", 0), 0);
    assert_int_equal(write_text(store, "one", "c", 1), 0);
    assert_string_equal(read_new(store, "one", 0), "one 2 c");
    assert_string_equal(read_new(store, "two", 0), "two 1 b");
}

static void a_version_that_was_replaced_is_not_replaced_again(void **state) {
    fd_store *store = backend_of(state);
    assert_int_equal(write_text(store, "tokens", "lost", 1), -EEXIST);
    assert_string_equal(read_new(store, "tokens", 0), "");
    assert_int_equal(write_text(store, "tokens", "first", 0), 0);
    assert_int_equal(write_text(store, "tokens", "lost", 0), -EEXIST);
    assert_int_equal(write_text(store, "tokens", "second", 1), 0);
    assert_int_equal(write_text(store, "tokens", "lost", 1), -EEXIST);
    assert_int_equal(write_text(store, "tokens", "lost", 3), -EEXIST);
    assert_string_equal(read_new(store, "tokens", 0), "tokens 2 second");
}

static int compare(void *context, const fd_shared_file *file) {
    const unsigned char *expected = context;
    assert_int_equal(file->size, 256);
    assert_memory_equal(file->bytes, expected, 256);
    return 7;
}

static void any_bytes_are_kept_and_none_are_some_too(void **state) {
    fd_store *store = backend_of(state);
    unsigned char bytes[256];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(store->operations->shared_file_write(store, "key", bytes, sizeof(bytes), 0),
                     0);
    assert_int_equal(store->operations->shared_file_read(store, "key", 0, compare, bytes), 7);
    assert_int_equal(store->operations->shared_file_write(store, "key", NULL, 0, 1), 0);
    assert_string_equal(read_new(store, "key", 1), "key 2 ");
}

static void writing_a_file_leaves_room_for_a_transaction(void **state) {
    fd_store *store = backend_of(state);
    assert_int_equal(write_text(store, "tokens", "first", 0), 0);
    fixture_add_numbered_items(store, 2);
    assert_int_equal(write_text(store, "tokens", "lost", 0), -EEXIST);
    fixture_begin(store);
    store->operations->rollback(store);
    assert_string_equal(read_new(store, "tokens", 0), "tokens 1 first");
    assert_int_equal(fixture_counts(store).items, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_SQLITE(a_file_is_read_unless_its_version_is_known),
        ON_POSTGRES(a_file_is_read_unless_its_version_is_known),
        ON_MEMORY(a_file_is_read_unless_its_version_is_known),
        ON_SQLITE(files_have_names_and_versions_of_their_own),
        ON_POSTGRES(files_have_names_and_versions_of_their_own),
        ON_MEMORY(files_have_names_and_versions_of_their_own),
        ON_SQLITE(a_version_that_was_replaced_is_not_replaced_again),
        ON_POSTGRES(a_version_that_was_replaced_is_not_replaced_again),
        ON_MEMORY(a_version_that_was_replaced_is_not_replaced_again),
        ON_SQLITE(any_bytes_are_kept_and_none_are_some_too),
        ON_POSTGRES(any_bytes_are_kept_and_none_are_some_too),
        ON_MEMORY(any_bytes_are_kept_and_none_are_some_too),
        ON_SQLITE(writing_a_file_leaves_room_for_a_transaction),
        ON_POSTGRES(writing_a_file_leaves_room_for_a_transaction),
        ON_MEMORY(writing_a_file_leaves_room_for_a_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
