/* Hands back the leases of annotators whose access has ended, once for each end: a frontend may
 * have got leases in their name since. */
#include "ended_leases.h"

#include "lease_list.h"
#include "log.h"

struct check {
    fd_engine *engine;
    const fd_ended_names *known;
    int failure; /* -errno, or 0 */
};

static void end_leases(void *context, const char *name) {
    struct check *check = context;
    size_t n;
    if (check->failure < 0 || fd_ended_names_has(check->known, name))
        return;
    check->failure = fd_engine_leases_end(check->engine, name, &n);
    if (n > 0)
        fd_log(FD_LOG_INFO, "leases-returned", FD_STR("annotator", name),
               FD_STR("reason", "the annotator's tokens have ended"), FD_INT("leases", n));
}

void fd_ended_leases_check(fd_engine *engine, fd_access *access, fd_ended_names *known) {
    fd_ended_names ended = {0};
    if (fd_access_ended_names(access, &ended) < 0)
        return; /* the next check finds them */
    struct check check = {.engine = engine, .known = known};
    fd_ended_names_visit(&ended, end_leases, &check);
    if (check.failure < 0) { /* the next check tries again */
        fd_ended_names_clear(&ended);
        return;
    }
    fd_ended_names_clear(known);
    *known = ended;
}
