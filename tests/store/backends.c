/* Sets up a store of each backend for a test. */
#include "backends.h"
#include "memory_store.h"
#include "postgres_schema.h"
#include "postgres_store.h"

struct subject {
    fd_store *store;
    fixture_folder folder; /* of the SQLite store */
};

fd_store *backend_of(void **state) {
    return ((struct subject *)*state)->store;
}

int backend_set_up_sqlite(void **state) {
    static struct subject subject;
    fixture_folder_make(&subject.folder);
    subject.store = fixture_open(subject.folder.path);
    *state = &subject;
    return 0;
}

int backend_tear_down_sqlite(void **state) {
    struct subject *subject = *state;
    fd_store_close(subject->store);
    fixture_folder_remove(&subject->folder);
    return 0;
}

int backend_set_up_memory(void **state) {
    static struct subject subject;
    *state = &subject;
    return fd_store_open_memory(&subject.store);
}

int backend_tear_down_memory(void **state) {
    fd_store_close(backend_of(state));
    return 0;
}

static struct subject on_postgres;

void backend_run_on_postgres(void **state) {
    backend_test *const *test = *state;
    const char *url = postgres_schema_new();
    if (!url)
        skip();
    fd_fault fault = {0};
    int r = fd_store_open_postgres(url, &on_postgres.store, &fault);
    assert_string_equal(fault.detail, "");
    assert_int_equal(r, 0);
    *state = &on_postgres;
    (*test)(state);
}

int backend_tear_down_postgres(void **state) {
    (void)state;
    fd_store_close(on_postgres.store);
    on_postgres.store = NULL;
    return 0;
}
