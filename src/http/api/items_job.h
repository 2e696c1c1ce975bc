/* Leaves the items of a request to an embedding job. */
#ifndef FD_ITEMS_JOB_H
#define FD_ITEMS_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "idempotency.h"
#include "macros.h"
#include "new_items.h"
#include "request.h"
#include "response.h"

/*
 * Checks all that can be known now, and stores a job whose `wanted` items [rows->n] are to be
 * embedded, `n_wanted` of them; the response is 202. With a fault: -EINVAL, -EEXIST an id is taken
 * by other content, or the items have another embedder; -EBUSY too many jobs wait. -ENOMEM, -EIO,
 * ….
 */
int fd_items_job_accept(const fd_request *request, const fd_new_items *rows, const bool *wanted,
                        size_t n_wanted, const fd_held_key *key, fd_response *response,
                        fd_fault *fault) FD_MUST_CHECK;

#endif
