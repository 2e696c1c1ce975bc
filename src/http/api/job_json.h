/* An embedding job as JSON, and as a response. */
#ifndef FD_JOB_JSON_H
#define FD_JOB_JSON_H

#include <jansson.h>

#include "embedding_job_rows.h"
#include "response.h"

/* NULL: there is no memory. */
json_t *fd_job_json(const fd_embedding_job_row *row);

/* What POST /v1/items says of a job: 202 with its Location, or what it said at once. */
void fd_job_respond(fd_response *response, const fd_embedding_job_row *row);

#endif
