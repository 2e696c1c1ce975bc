/* Tests that run against every backend: ON_MEMORY(test), ON_SQLITE(test) and ON_POSTGRES(test) are
 * tests of cmocka. The last one is skipped where PostgreSQL is not installed. */
#ifndef FD_STORE_BACKENDS_H
#define FD_STORE_BACKENDS_H

#include "fixture.h"

int backend_set_up_sqlite(void **state);
int backend_tear_down_sqlite(void **state);
int backend_set_up_memory(void **state);
int backend_tear_down_memory(void **state);
int backend_tear_down_postgres(void **state);
void backend_run_on_postgres(void **state);

fd_store *backend_of(void **state);
typedef void backend_test(void **state);

#define ON_SQLITE(test)                                                                            \
    { "sqlite: " #test, test, backend_set_up_sqlite, backend_tear_down_sqlite, NULL }
#define ON_MEMORY(test)                                                                            \
    { "memory: " #test, test, backend_set_up_memory, backend_tear_down_memory, NULL }
/* A set-up cannot skip a test: so the test that runs is another one, which gets this one as its
 * state, sets up and calls it. */
#define ON_POSTGRES(test)                                                                          \
    {                                                                                              \
        "postgres: " #test, backend_run_on_postgres, NULL, backend_tear_down_postgres,             \
            (void *)&(backend_test *const) {                                                       \
            test                                                                                   \
        }                                                                                          \
    }

#endif
