/* Reads the coming vectors, and has the trainer's thread switch to them. */
#include "re_embedding_switch.h"

#include "clock.h"
#include "coming_vectors.h"
#include "log.h"
#include "trainer_thread.h"

int fd_engine_re_embedding_switch(fd_engine *engine, const fd_switch_hooks *hooks) {
    FD_CLEANUP(fd_coming_vectors_clear)
    fd_coming_vectors coming = {
        .complete = hooks->complete, .go_on = hooks->go_on, .context = hooks->context};
    double start = fd_monotonic_seconds();
    int r = fd_coming_vectors_read(engine, &coming);
    if (r == 0)
        r = fd_trainer_switch(engine, &coming);
    if (r == 0)
        fd_log(FD_LOG_INFO, "re-embedded", FD_INT("items", coming.rows),
               FD_INT("model_version", coming.version),
               FD_REAL("seconds", fd_monotonic_seconds() - start));
    return r;
}
