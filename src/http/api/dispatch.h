/* The hooks by which the API serves the server's requests. `context` is the fd_api. */
#ifndef FD_DISPATCH_H
#define FD_DISPATCH_H

#include <stdbool.h>

#include "api.h"
#include "embedding_worker.h"
#include "idempotency.h"
#include "memory_budget.h"
#include "re_embedding_worker.h"
#include "request_limits.h"
#include "response.h"
#include "transaction.h"

struct fd_api {
    fd_api_options options;
    fd_engine *engine;
    fd_request_limits limits;
    fd_memory_budget memory; /* that requests and embedding jobs share */
    fd_embedding_worker *embedding_worker;
    fd_re_embedding_worker *re_embedding_worker;
    fd_held_keys held_keys;
};

/* As fd_server_hooks says. */
bool fd_dispatch_accept(void *context, fd_transaction *transaction, fd_response *response);
bool fd_dispatch_piece(void *context, fd_transaction *transaction, const char *data, size_t size,
                       fd_response *response);
void fd_dispatch_break_off(void *context, fd_transaction *transaction, unsigned status,
                           fd_response *response);
void fd_dispatch_run(void *context, fd_transaction *transaction, fd_response *response);
void fd_dispatch_end(void *context, fd_transaction *transaction);

#endif
