/* Tests that run against every backend: ON_MEMORY(test) and ON_SQLITE(test) are tests of cmocka. */
#ifndef FD_STORE_BACKENDS_H
#define FD_STORE_BACKENDS_H

#include "fixture.h"

int backend_set_up_sqlite(void **state);
int backend_tear_down_sqlite(void **state);
int backend_set_up_memory(void **state);
int backend_tear_down_memory(void **state);

fd_store *backend_of(void **state);

#define ON_SQLITE(test)                                                                            \
    { "sqlite: " #test, test, backend_set_up_sqlite, backend_tear_down_sqlite, NULL }
#define ON_MEMORY(test)                                                                            \
    { "memory: " #test, test, backend_set_up_memory, backend_tear_down_memory, NULL }

#endif
