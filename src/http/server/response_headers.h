/* The headers of a response: what it is, and what a browser may do with it. */
#ifndef FD_RESPONSE_HEADERS_H
#define FD_RESPONSE_HEADERS_H

#include <microhttpd.h>

#include "macros.h"
#include "response.h"

/* MHD_NO without memory. `is_secure`: the client's connection is encrypted. */
enum MHD_Result fd_response_headers_add(struct MHD_Response *to, const fd_response *response,
                                        const fd_cors *cors, bool is_secure);

/* The whole response as text, with its status line and, if `has_body`, its body: *ret is malloc'd
 * [*ret_size]. -ENOMEM; *ret is to be freed then too. */
int fd_response_print(const fd_response *response, const fd_cors *cors, bool is_secure,
                      bool has_body, char **ret, size_t *ret_size) FD_MUST_CHECK;

#endif
