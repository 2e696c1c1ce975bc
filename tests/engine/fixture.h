/* Engines for tests, over a store in memory or one that can fail, with items p0-r0, p0-r1, … */
#ifndef ENGINE_FIXTURE_H
#define ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "assignments.h"
#include "engine.h"
#include "label_statistics.h"
#include "model_versions.h"
#include "select.h"

enum { DIMENSION = 6, GIVEN_MAX = 128 };

/* Trains a small model quickly, and only on request; refits are off. */
fd_engine_options fixture_options(void);

fd_engine *fixture_open(const fd_engine_options *options, fd_store *store);
fd_engine *fixture_memory(const fd_engine_options *options); /* its store is in memory */
fd_engine *fixture_engine(void);                             /* with fixture_options */

/* The embeddings of the first n items that fixture_add_items adds: [n x DIMENSION]. */
void fixture_embeddings(float *embeddings, size_t n);

/* Adds items "p<prompt>-r<response>" with pseudorandom embeddings. */
void fixture_add_items(fd_engine *engine, size_t prompts, size_t responses);
const char *fixture_item_id(size_t prompt, size_t response);

/* Adds one label, whose id is made from the number. */
int fixture_label(fd_engine *engine, size_t number, const char *a, const char *b,
                  fd_preference preference);

/* Corrects or retracts the label with that number, and returns the engine's result. */
int fixture_revise(fd_engine *engine, size_t number, fd_preference preference);

fd_model_info fixture_model(fd_engine *engine);
fd_stats fixture_stats(fd_engine *engine); /* the caller clears it */

/* The text that the metrics print; the caller frees it. */
char *fixture_metrics(fd_metrics *metrics);
bool prints(fd_engine *engine, const char *line);

/* Asks for a training, waits for it, and returns the new version. */
uint64_t fixture_train(fd_engine *engine);

/* A selection of generated pairs. */
fd_selection_request fixture_request(size_t batch_size, fi_scope scope, uint64_t seed);

/* ---- assignments ---- */

/* A copy of an assignment. */
typedef struct fixture_given {
    char id[64];
    char a[32]; /* left */
    char b[32];
    char strategy[16];
    bool control;
    double gain;
    double p;
    uint64_t model_version;
    int64_t expires_ms;
} fixture_given;

typedef struct fixture_hand {
    size_t count;
    fixture_given given[GIVEN_MAX];
} fixture_hand;

/* Assigns pairs, which must succeed; `seconds` 0 is the configured time. */
size_t fixture_assign(fd_engine *engine, const char *annotator, size_t count, double seconds,
                      fixture_hand *ret);
fixture_given fixture_assign_one(fd_engine *engine, const char *annotator);
bool fixture_same_pair(const fixture_given *one, const fixture_given *other);

/* Sends the label of an assignment, as the annotator's page would. */
int fixture_answer(fd_engine *engine, size_t number, const char *annotator,
                   const fixture_given *given, fd_preference preference);

/* Waits until at least this many pairs of each arm lie ready; fails after a minute. */
void fixture_wait_ready(fd_engine *engine, size_t active, size_t control);

/* Waits until a batch was chosen by this version. */
void fixture_wait_version(fd_engine *engine, uint64_t version);

/* Monotonic seconds, for deadlines. */
double fixture_seconds(void);

/* Clocks that change only when a test moves them. */
typedef struct fixture_clock {
    _Atomic int64_t now_ms;
    _Atomic int64_t steady_ms;
} fixture_clock;
void fixture_use_clock(fd_engine_options *options, fixture_clock *clock);
void fixture_pass(fixture_clock *clock, double seconds);
void fixture_jump(fixture_clock *clock, double seconds); /* sets only the wall clock */

/* A view of a store: closing it leaves the store open for the next engine. */
fd_store *fixture_view(fd_store *store);

/* A memory store whose n-th commit from now, and those after it up to `times`, fail with `error`.
 */
fd_store *fixture_faulty_store(void);
void fixture_fail_commits(fd_store *store, unsigned n, unsigned times, int error);
void fixture_fail_commit(fd_store *store, unsigned n, int error); /* once */
unsigned fixture_commits(fd_store *store);                        /* attempted so far */
void fixture_fail_probes(fd_store *store, unsigned n); /* fails the next n, with the same error */

/* Blocks the `first` commit from now on and all after it, until a call with 0 releases them. */
void fixture_hold_commits(fd_store *store, int first);

/* An engine that can be closed and opened again over the same store. It has a clock of its own; its
 * control arm is off, and no pair is held out. */
struct world {
    fixture_clock clock;
    fd_engine_options options;
    fd_store *store;
    fd_engine *engine;
};
void world_prepare(struct world *world);
void world_open(struct world *world);
void world_start(struct world *world, size_t prompts, size_t responses); /* opens with items */
void world_begin(struct world *world, size_t prompts,
                 size_t responses); /* with the usual options */
void world_reopen(struct world *world);
void world_clear(struct world *world);

fixture_given ask(struct world *world, const char *annotator);
size_t ask_for(struct world *world, const char *annotator, size_t count, fixture_hand *hand);
bool is_left_for(struct world *world, const char *annotator);
void answer(struct world *world, size_t number, const char *annotator, const fixture_given *given,
            fd_preference preference);

/* A visit that keeps the id and the expiry in a fixture_given. */
int fixture_keep_lease(void *context, const fd_assignment *assignment);

#endif
