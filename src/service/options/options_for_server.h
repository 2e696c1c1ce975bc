/* The options of the HTTP server, from those of the daemon. */
#ifndef FD_OPTIONS_FOR_SERVER_H
#define FD_OPTIONS_FOR_SERVER_H

#include "options.h"
#include "server.h"

/* Limits and lists; borrows the texts of the options. The caller adds host, port, access, TLS and
 * version. */
fd_server_options fd_options_server(const fd_options *options);

/* Splits HOST:PORT or [HOST]:PORT. -EINVAL with a fault. */
int fd_options_split_listen(const char *listen, char *host, size_t size, uint16_t *ret_port,
                            fd_fault *fault) FD_MUST_CHECK;

#endif
