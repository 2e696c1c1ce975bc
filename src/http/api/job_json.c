/* Writes embedding jobs in JSON. */
#include "job_json.h"

#include <stdio.h>

#include "json_write.h"

static json_t *time_or_null(int64_t milliseconds) {
    return milliseconds < 0 ? json_null() : fd_json_time(milliseconds);
}

static json_t *outcome(const fd_embedding_job_row *row) {
    return json_pack("{s:I, s:I}", "created", (json_int_t)row->created, "unchanged",
                     (json_int_t)row->unchanged);
}

json_t *fd_job_json(const fd_embedding_job_row *row) {
    bool is_done = row->state == FD_EMBEDDING_JOB_DONE;
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s?, s:o, s:s, s:s?, s:o, s:o, s:o}", "id",
                     row->id, "state", fd_embedding_job_state_name(row->state), "items",
                     (json_int_t)row->items, "total", (json_int_t)row->total, "done",
                     (json_int_t)row->done, "error", row->error, "result",
                     is_done ? outcome(row) : json_null(), "author", row->author, "idempotency_key",
                     row->key, "created_at", time_or_null(row->created_ms), "started_at",
                     time_or_null(row->started_ms), "finished_at", time_or_null(row->finished_ms));
}

void fd_job_respond(fd_response *response, const fd_embedding_job_row *row) {
    if (row->immediate) {
        fd_json_respond(response, 200, outcome(row));
        return;
    }
    (void)snprintf(response->location, sizeof(response->location), "/v1/jobs/%s", row->id);
    fd_json_respond(response, 202, fd_job_json(row));
}
