/* Opens and closes the engine: makes its parts, connects them, starts and stops their threads. */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assignments_state.h"
#include "batch_history.h"
#include "block_keeper.h"
#include "change_signal.h"
#include "checkpoint.h"
#include "correction_rate.h"
#include "engine_state.h"
#include "follower.h"
#include "foreign_rows.h"
#include "health.h"
#include "incomparable_pairs.h"
#include "label_effects.h"
#include "model_following.h"
#include "model_serving.h"
#include "progress_record.h"
#include "refill_thread.h"
#include "refitter.h"
#include "replay.h"
#include "replica.h"
#include "state_gauges.h"
#include "store_open.h"
#include "text_fill.h"
#include "trainer_thread.h"
#include "training_wish.h"
#include "writer.h"

/* ---- parts ---- */

static const struct part {
    int (*make)(fd_engine *engine);
    void (*free)(fd_engine *engine); /* also of a part that was not made */
} parts[] = {
    {fd_health_new, fd_health_free},
    {fd_writer_new, fd_writer_free},
    {fd_replica_new, fd_replica_free},
    {fd_follower_new, fd_follower_free},
    {fd_change_signal_new, fd_change_signal_free},
    {fd_correction_rate_new, fd_correction_rate_free},
    {fd_text_fill_new, fd_text_fill_free},
    {fd_checkpoint_new, fd_checkpoint_free},
    {fd_block_keeper_new, fd_block_keeper_free},
    {fd_batch_history_new, fd_batch_history_free},
    {fd_assignments_new, fd_assignments_free},
    {fd_refill_new, fd_refill_free},
    {fd_progress_record_new, fd_progress_record_free},
    {fd_model_serving_new, fd_model_serving_free},
    {fd_model_following_new, fd_model_following_free},
    {fd_trainer_new, fd_trainer_free},
    {fd_refitter_new, fd_refitter_free},
};

static int make_parts(fd_engine *engine) {
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(parts) && r == 0; i++)
        r = parts[i].make(engine);
    return r;
}

/* No thread runs any more. */
static void engine_free(fd_engine *engine) {
    for (size_t i = FD_LENGTH(parts); i-- > 0;)
        parts[i].free(engine);
    fd_engine_state_free(engine);
}
FD_DEFINE_CLEANUP(fd_engine, engine_free)

static void connect_parts(fd_engine *engine) {
    fd_writer_on_commit(engine, fd_state_gauges_set);
    fd_writer_on_commit(engine, fd_model_serving_on_commit);
    fd_writer_on_commit(engine, fd_trainer_on_commit);
    fd_writer_on_commit(engine, fd_incomparable_pairs_on_commit);
    fd_writer_on_commit(engine, fd_refill_on_commit);
    fd_writer_on_commit(engine, fd_refitter_on_commit);
    fd_writer_on_commit(engine, fd_checkpoint_on_commit);
    fd_writer_on_commit(engine, fd_block_keeper_on_commit);
    fd_writer_on_commit(engine, fd_change_signal_raise);
    fd_writer_set_write_behind(engine,
                               &(fd_write_behind){fd_lease_journal_store, fd_leases_settle});
    engine->label_hooks = (fd_label_hooks){
        .on_store = fd_label_effects_on_store,
        .on_label = fd_label_effects_on_label,
        .on_revision = fd_label_effects_on_revision,
        .knows_pair = fd_label_effects_knows_pair,
    };
    if (engine->store->replicas)
        fd_writer_set_catch_up(engine, fd_foreign_rows_catch_up);
}

/* ---- threads ---- */

/* In the order in which they start. They stop in the opposite order, because the later ones may be
 * waiting for the writer. */
static const struct thread {
    int (*start)(fd_engine *engine);
    void (*stop)(fd_engine *engine);
} threads[] = {
    {fd_checkpoint_start, fd_checkpoint_stop},
    {fd_writer_start, fd_writer_stop},
    {fd_trainer_start, fd_trainer_stop},
    {fd_refitter_start, fd_refitter_stop},
    {fd_refill_start, fd_refill_stop},
    {fd_text_fill_start, fd_text_fill_stop},
    {fd_model_following_start, fd_model_following_stop},
    {fd_block_keeper_start, fd_block_keeper_stop},
    {fd_follower_start, fd_follower_stop},
};

static void stop_threads(fd_engine *engine, size_t count) {
    while (count-- > 0)
        threads[count].stop(engine);
}

static int start_threads(fd_engine *engine) {
    for (size_t i = 0; i < FD_LENGTH(threads); i++) {
        int r = threads[i].start(engine);
        if (r < 0) {
            stop_threads(engine, i);
            return r;
        }
    }
    return 0;
}

void fd_engine_interrupt(fd_engine *engine) {
    atomic_store(&engine->interrupted, true);
    fd_refill_interrupt(engine);
    fd_change_signal_raise(engine);
}

/* ---- open and close ---- */

/* What looks for damage tells more of it than what stumbled over it. */
static int finish_opening(fd_engine *engine, int replayed, fd_fault *fault) {
    fd_fault damage = {0};
    if (engine->options.reading)
        engine->options.reading(1);
    int r = fd_store_finish_opening(engine->store, &damage);
    if (r == 0)
        return replayed;
    return damage.detail[0] ? fd_fault_set(fault, r, "", "%s", damage.detail) : r;
}

int fd_engine_open(const fd_engine_options *options, fd_store *store, fd_engine **ret,
                   fd_fault *fault) {
    FD_CLEANUP(engine_freep) fd_engine *engine = NULL;
    int r = fd_engine_state_new(options, store, &engine);
    if (r == 0)
        r = make_parts(engine);
    if (r < 0)
        return r;
    connect_parts(engine);
    r = fd_replica_start(engine);
    if (r == 0)
        r = fd_replay_store(engine, fault);
    if (r == 0 || r == -EBADMSG) /* then what was found first is not what is damaged */
        r = finish_opening(engine, r, fault);
    if (r < 0)
        return r;
    fd_writer_call_hooks(engine);
    fd_trainer_on_end(engine, fd_training_wish_note_trained);
    r = start_threads(engine);
    if (r < 0)
        return r;
    fd_replica_on_turn(engine, fd_training_wish_look);
    fd_refill_notify(engine, true);
    *ret = FD_STEAL(engine);
    return 0;
}

void fd_engine_end(fd_engine *engine) {
    /* All at once, so that none waits for a step of another. */
    atomic_store(&engine->closing, true);
    fd_engine_interrupt(engine);
    fd_text_fill_interrupt(engine);
    fd_refitter_interrupt(engine);
    fd_trainer_interrupt(engine);
    stop_threads(engine, FD_LENGTH(threads));
    fd_replica_stop(engine);
    fd_store_close(FD_STEAL(engine->store));
}

void fd_engine_close(fd_engine *engine) {
    fd_engine_end(engine);
    engine_free(engine);
}

/* ---- figures ---- */

fd_metrics *fd_engine_metrics(fd_engine *engine) {
    return engine->metrics;
}

int fd_engine_ready(fd_engine *engine, char *reason, size_t size) {
    int failure = fd_writer_store_failure(engine);
    if (failure == 0) {
        int r = fd_health_ready(engine, reason, size);
        if (r == 0)
            r = fd_replica_ready(engine, reason, size);
        return r < 0 ? r : fd_model_following_ready(engine, reason, size);
    }
    (void)snprintf(reason, size, "the last write to the store failed: %s",
                   fd_writer_failure_text(failure));
    return -EAGAIN;
}

int64_t fd_engine_time_ms(fd_engine *engine) {
    return fd_engine_now_ms(engine);
}

bool fd_engine_is_shared(fd_engine *engine) {
    return engine->store->replicas != NULL;
}

bool fd_engine_trains(fd_engine *engine) {
    return fd_replica_is_learner(engine);
}

double fd_engine_stalled_seconds(fd_engine *engine) {
    return fd_health_silence(engine, FD_HEALTH_WRITER);
}
