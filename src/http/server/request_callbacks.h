/* The callbacks that libmicrohttpd makes for each request; `server` is a fd_server. */
#ifndef FD_REQUEST_CALLBACKS_H
#define FD_REQUEST_CALLBACKS_H

#include <microhttpd.h>

/* The request line has arrived. Makes the transaction; NULL without memory. */
void *fd_request_begin(void *server, const char *target, struct MHD_Connection *connection);

/* First the headers have arrived, then parts of the body, then (with *size 0) the whole request. */
enum MHD_Result fd_request_continue(void *server, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *data, size_t *size, void **transaction);

/* The response is sent, or the connection has ended. Frees the transaction. */
void fd_request_end(void *server, struct MHD_Connection *connection, void **transaction,
                    enum MHD_RequestTerminationCode code);

#endif
