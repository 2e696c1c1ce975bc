/* The options of the HTTP server and of the API, from those of the daemon. */
#ifndef FD_OPTIONS_FOR_HTTP_H
#define FD_OPTIONS_FOR_HTTP_H

#include "api.h"
#include "options.h"
#include "server.h"

/* Limits and lists; both borrow the texts of the options. The caller adds host, port and TLS to the
 * server's, access and version to the API's. */
fd_server_options fd_options_server(const fd_options *options);
fd_api_options fd_options_api(const fd_options *options);

/* Splits HOST:PORT or [HOST]:PORT. -EINVAL with a fault. */
int fd_options_split_listen(const char *listen, char *host, size_t size, uint16_t *ret_port,
                            fd_fault *fault) FD_MUST_CHECK;

#endif
