/* /livez, /healthz and /readyz: liveness and readiness. */
#include <string.h>

#include "handlers.h"
#include "json_write.h"
#include "problem.h"
#include "replica.h"

static void respond(fd_response *response, const char *text) {
    response->status = 200;
    response->body = strdup(text);
    response->size = response->body ? strlen(text) : 0;
}

void fd_livez(const fd_request *request, fd_response *response) {
    (void)request;
    respond(response, "{\"status\":\"ok\"}");
}

/* What a replica does beside the others, whose part is the whole of it elsewhere. */
static void respond_of_replica(fd_response *response, const fd_replica_status *replica) {
    fd_json_respond(
        response, 200,
        json_pack("{s:s, s:{s:s, s:b, s:s?, s:I, s:I, s:I, s:f, s:f, s:I, s:I}}", "status", "ready",
                  "replica", "id", replica->id, "trains", replica->trains, "learner",
                  replica->learner[0] != '\0' ? replica->learner : NULL, "replicas",
                  (json_int_t)replica->replicas, "tick", (json_int_t)replica->tick, "lag_ticks",
                  (json_int_t)(replica->newest - replica->tick), "lag_seconds",
                  replica->lag_seconds, "contact_seconds", replica->silence, "prepared",
                  (json_int_t)replica->prepared, "serving", (json_int_t)replica->serving));
}

void fd_readyz(const fd_request *request, fd_response *response) {
    char reason[160];
    fd_replica_status replica;
    if (fd_engine_ready(request->engine, reason, sizeof(reason)) < 0)
        fd_problem(response, 503, reason);
    else if (fd_replica_read_status(request->engine, &replica))
        respond_of_replica(response, &replica);
    else
        respond(response, "{\"status\":\"ready\"}");
}
