/*
 * A call of a route whose body is streamed: the handler is called once when the headers are there,
 * then with each piece of the body as it arrives, decompressed, and once at the end. All of it
 * counts as one request for the limiter, the memory budget and the audit log.
 */
#ifndef FD_STREAM_CALL_H
#define FD_STREAM_CALL_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"
#include "request_limits.h"
#include "response.h"
#include "router.h"
#include "transaction.h"

typedef struct fd_stream_call fd_stream_call;

/* Begins a call. NULL with a response where the limiter is full, there is no memory, or the handler
 * refuses the request. The request is copied; the rest outlives the call. */
fd_stream_call *fd_stream_call_begin(fd_request_limits *limits, const fd_route *route,
                                     const fd_request *request, fd_transaction *transaction,
                                     fd_response *response) FD_MUST_CHECK;

/* Hands on the next bytes of the body. False with a response: the handler takes no more. */
bool fd_stream_call_feed(fd_stream_call *call, const char *data, size_t size,
                         fd_response *response) FD_MUST_CHECK;

/* The end of the body, with status 0; or the end before it, with the status and the words of a
 * refusal. Fills the response. */
void fd_stream_call_end(fd_stream_call *call, unsigned status, const char *detail,
                        fd_response *response);

void fd_stream_call_free(fd_stream_call *call);

#endif
