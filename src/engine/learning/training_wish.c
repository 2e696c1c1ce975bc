/* The shared file that says that a training is wanted: who writes, takes and empties it. */
#include "training_wish.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "engine_state.h"
#include "log.h"
#include "replica.h"
#include "trainer_thread.h"
#include "writer.h"

static const char file_name[] = "training-wish";

/* The bytes of the file; it is empty when nobody wishes anything. */
static const char *const starts[] = {
    [FD_RETRAIN_SCRATCH] = "scratch",
    [FD_RETRAIN_WARM] = "warm",
    [FD_RETRAIN_AUTO] = "auto",
    [FD_RETRAIN_CONFIGURED] = "configured",
};

/* How often to write again when another replica wrote in between. */
enum { ATTEMPTS = 20 };

struct wish {
    uint64_t version; /* of the file; 0: it is not there */
    bool is_open;
    fd_retrain from;
};

static int note_file(void *context, const fd_shared_file *file) {
    struct wish *wish = context;
    *wish = (struct wish){.version = file->version, .from = FD_RETRAIN_CONFIGURED};
    wish->is_open = file->size > 0;
    for (size_t i = 0; i < FD_LENGTH(starts); i++)
        if (file->size == strlen(starts[i]) && memcmp(file->bytes, starts[i], file->size) == 0)
            wish->from = (fd_retrain)i;
    return 0;
}

static int read_wish(fd_engine *engine, struct wish *ret) {
    *ret = (struct wish){0};
    return engine->store->operations->shared_file_read(engine->store, file_name, 0, note_file, ret);
}

static int write_wish(fd_engine *engine, const char *text, uint64_t replaced) {
    return engine->store->operations->shared_file_write(engine->store, file_name, text,
                                                        strlen(text), replaced);
}

int fd_training_wish_add(fd_engine *engine, fd_retrain from) {
    int r = -EEXIST;
    for (int i = 0; i < ATTEMPTS && r == -EEXIST; i++) {
        struct wish before;
        r = read_wish(engine, &before);
        if (r < 0)
            return r;
        bool from_scratch = before.is_open && before.from == FD_RETRAIN_SCRATCH;
        r = write_wish(engine, starts[from_scratch ? FD_RETRAIN_SCRATCH : from], before.version);
    }
    return r == -EEXIST ? -EBUSY : r;
}

/* Whoever wished it may have seen labels that this replica has not yet. */
static void take(fd_engine *engine, const struct wish *wish) {
    if (fd_writer_catch_up(engine) < 0 || !fd_trainer_request(engine, wish->from))
        return;
    atomic_store(&engine->training_wish, wish->version);
    fd_log(FD_LOG_INFO, "training-wish-taken", FD_STR("from", starts[wish->from]));
}

/* One that another replica wrote over meanwhile is another wish. A training that ends because the
 * engine closes has not fulfilled it. */
static void end(fd_engine *engine, const struct wish *wish) {
    if (fd_trainer_is_at_rest(engine) && !atomic_load(&engine->closing))
        (void)!write_wish(engine, "", wish->version); /* the next look may */
}

void fd_training_wish_note_trained(fd_engine *engine) {
    uint64_t version = atomic_load(&engine->training_wish);
    if (version > 0 && fd_trainer_is_at_rest(engine))
        (void)!write_wish(engine, "", version); /* the next look may */
}

void fd_training_wish_look(fd_engine *engine) {
    struct wish wish;
    if (!fd_replica_is_learner(engine)) {
        atomic_store(&engine->training_wish,
                     0); /* the replica that trains by now takes it as well */
        fd_trainer_withdraw(engine);
        return;
    }
    if (read_wish(engine, &wish) < 0 || !wish.is_open)
        return;
    if (wish.version == atomic_load(&engine->training_wish))
        end(engine, &wish);
    else
        take(engine, &wish);
}
