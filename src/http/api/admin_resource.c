/* /v1/admin: what operators ask of a running daemon. */
#include "backups.h"
#include "handlers.h"
#include "json_read.h"
#include "json_write.h"
#include "problem.h"

/* ---- POST /v1/admin/backup ---- */

struct backup_body {
    const char *name; /* NULL: named by the time */
};

static const fd_field backup_fields[] = {
    {"name", FD_FIELD_ID, .offset = offsetof(struct backup_body, name)},
};

static int read_backup(const fd_request *request, json_t **ret_root, struct backup_body *ret,
                       fd_fault *fault) {
    if (request->body_size == 0)
        return 0;
    return fd_json_read_body(request->body, request->body_size, backup_fields,
                             FD_LENGTH(backup_fields), ret_root, ret, fault);
}

void fd_backup_post(const fd_request *request, fd_response *response) {
    if (!fd_query_accept_none(&request->query, response))
        return;
    FD_JSON json_t *root = NULL;
    struct backup_body body = {0};
    fd_fault fault = {.more = request->more_faults};
    fd_backup_made made = {0};
    int r = read_backup(request, &root, &body, &fault);
    if (r == 0)
        r = fd_engine_back_up(request->engine, body.name, &made, &fault);
    if (r < 0)
        fd_problem_of(response, r, &fault);
    else
        fd_json_respond(response, 201,
                        json_pack("{s:s, s:I, s:I, s:I, s:o}", "file", made.name, "bytes",
                                  (json_int_t)made.held.bytes, "items",
                                  (json_int_t)made.held.counts.items, "labels",
                                  (json_int_t)made.held.counts.labels, "seconds",
                                  fd_json_real(made.seconds)));
}
