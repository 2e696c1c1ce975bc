/* An engine over a store in memory, or over a faulty one, with items on a grid. */
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

/* Trains a small model, quickly, and only when asked; no refits. */
fd_engine_options fixture_options(void);

fd_engine *fixture_open(const fd_engine_options *options, fd_store *store);
fd_engine *fixture_memory(const fd_engine_options *options); /* over memory */
fd_engine *fixture_engine(void);                             /* with fixture_options */

/* The embeddings of the first n items that fixture_add_items adds: [n x DIMENSION]. */
void fixture_embeddings(float *embeddings, size_t n);

/* Items "p<prompt>-r<response>" with seeded embeddings. */
void fixture_add_items(fd_engine *engine, size_t prompts, size_t responses);
const char *fixture_item_id(size_t prompt, size_t response);

/* Adds one label; the id is the number. */
int fixture_label(fd_engine *engine, size_t number, const char *a, const char *b,
                  fd_preference preference);

/* The number of the label of a correction or retraction; returns what the engine does. */
int fixture_revise(fd_engine *engine, size_t number, fd_preference preference);

fd_model_info fixture_model(fd_engine *engine);
fd_stats fixture_stats(fd_engine *engine); /* to be cleared */

/* What the metrics print; to be freed. */
char *fixture_metrics(fd_metrics *metrics);
bool prints(fd_engine *engine, const char *line);

/* Asks for a retrain and waits for the next version. */
uint64_t fixture_train(fd_engine *engine);

/* A selection of generated pairs. */
fd_selection_request fixture_request(size_t batch_size, fi_scope scope, uint64_t seed);

/* ---- assignments ---- */

/* A copy of what an annotator is given. */
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

/* Must succeed; `seconds` 0 is the configured time. */
size_t fixture_assign(fd_engine *engine, const char *annotator, size_t count, double seconds,
                      fixture_hand *ret);
fixture_given fixture_assign_one(fd_engine *engine, const char *annotator);
bool fixture_same_pair(const fixture_given *one, const fixture_given *other);

/* Answers what was given, as the annotator's page would; the id is the number. */
int fixture_answer(fd_engine *engine, size_t number, const char *annotator,
                   const fixture_given *given, fd_preference preference);

/* Waits until so many pairs lie ready in each arm; fails after some time. */
void fixture_wait_ready(fd_engine *engine, size_t active, size_t control);

/* Waits until the pairs that lie ready were chosen by this model. */
void fixture_wait_version(fd_engine *engine, uint64_t version);

/* Seconds of a clock that only goes on, for deadlines. */
double fixture_seconds(void);

/* A clock that stands still until it is moved. */
typedef struct fixture_clock {
    _Atomic int64_t now_ms;
    _Atomic int64_t steady_ms;
} fixture_clock;
void fixture_use_clock(fd_engine_options *options, fixture_clock *clock);
void fixture_pass(fixture_clock *clock, double seconds);
void fixture_jump(fixture_clock *clock, double seconds); /* the wall clock alone is set */

/* A view of a store that outlives it, so that engines can be opened one after another. */
fd_store *fixture_view(fd_store *store);

/* A memory store whose n-th commit from now, and those after it up to `times`, fail with `error`.
 */
fd_store *fixture_faulty_store(void);
void fixture_fail_commits(fd_store *store, unsigned n, unsigned times, int error);
void fixture_fail_commit(fd_store *store, unsigned n, int error); /* once */
unsigned fixture_commits(fd_store *store);                        /* asked for so far */
void fixture_fail_probes(fd_store *store, unsigned n); /* the next n, with the same error */

/* From the `first` commit from now on they do not return, until 0 lets them all go on. */
void fixture_hold_commits(fd_store *store, int first);

/* An engine that can be closed and opened again over the same store, with a clock of its own, no
 * control arm and no pairs held out. */
struct desk {
    fixture_clock clock;
    fd_engine_options options;
    fd_store *store;
    fd_engine *engine;
};
void desk_prepare(struct desk *desk);
void desk_open(struct desk *desk);
void desk_start(struct desk *desk, size_t prompts, size_t responses); /* opens with items */
void desk_begin(struct desk *desk, size_t prompts, size_t responses); /* with the usual options */
void desk_reopen(struct desk *desk);
void desk_clear(struct desk *desk);

fixture_given ask(struct desk *desk, const char *annotator);
size_t ask_for(struct desk *desk, const char *annotator, size_t count, fixture_hand *hand);
bool is_left_for(struct desk *desk, const char *annotator);
void answer(struct desk *desk, size_t number, const char *annotator, const fixture_given *given,
            fd_preference preference);

/* A visit that keeps the id and the expiry in a fixture_given. */
int fixture_keep_lease(void *context, const fd_assignment *assignment);

#endif
