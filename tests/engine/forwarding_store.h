/* A store that passes the engine's calls to another one: the base of stores that do some of them in
 * their own way. Closing it frees it, and leaves the other one open. */
#ifndef ENGINE_FORWARDING_STORE_H
#define ENGINE_FORWARDING_STORE_H

#include "store.h"

typedef struct forwarding_store {
    fd_store store;
    fd_store *inner;
} forwarding_store;

extern const fd_store_operations forwarding_operations;

#endif
