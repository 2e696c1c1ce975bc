/* Sending the response of a transaction. */
#ifndef FD_RESPOND_H
#define FD_RESPOND_H

#include <microhttpd.h>

#include "response.h"
#include "transaction.h"

/* Counts and sends the response, and takes its body. The result is for libmicrohttpd: MHD_NO closes
 * the connection. */
enum MHD_Result fd_respond(fd_transaction *transaction, fd_response *response) FD_MUST_CHECK;

/* The response of a request that is refused; the connection closes after it. */
enum MHD_Result fd_respond_refusal(fd_transaction *transaction, unsigned status,
                                   const char *detail) FD_MUST_CHECK;

/* The name of the route, for metrics and log. */
const char *fd_respond_route_name(const fd_transaction *transaction);

#endif
