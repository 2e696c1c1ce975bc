/* An engine over a store in memory, or over a faulty one, with items on a grid. */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine.h"

enum { DIMENSION = 6 };

/* Trains a small model, quickly, and only when asked. */
fd_engine_options fixture_options(void);

fd_engine *fixture_open(const fd_engine_options *options, fd_store *store);
fd_engine *fixture_engine(void); /* over memory, with fixture_options */

/* The embeddings of the first n items that fixture_add_items adds: [n x DIMENSION]. */
void fixture_embeddings(float *embeddings, size_t n);

/* Items "p<prompt>-r<response>" with seeded embeddings. */
void fixture_add_items(fd_engine *engine, size_t prompts, size_t responses);
const char *fixture_item_id(size_t prompt, size_t response);

/* Adds one label; the id is the number. */
int fixture_label(fd_engine *engine, size_t number, const char *a, const char *b,
                  fd_preference preference);

/* Asks for a retrain and waits for the next version. */
uint64_t fixture_train(fd_engine *engine);

/* A selection of generated pairs. */
fd_selection_request fixture_request(size_t batch_size, fd_scope scope, uint64_t seed);

/* A memory store whose n-th commit from now fails with `error`. */
fd_store *fixture_faulty_store(void);
void fixture_fail_commit(fd_store *store, unsigned n, int error);

#endif
