/* A small client of the daemon's API, for programs that act as its users. */
#ifndef FD_HTTP_CLIENT_H
#define FD_HTTP_CLIENT_H

#include <jansson.h>

#include "fault.h"
#include "json_tree.h"
#include "macros.h"

typedef struct fd_client fd_client;

int fd_client_new(const char *url, fd_client **ret) FD_MUST_CHECK;
void fd_client_free(fd_client *client);
FD_DEFINE_CLEANUP(fd_client, fd_client_free)

/*
 * Makes a call with the JSON in `body` (NULL: none), whose reference it takes. *ret is the JSON of
 * a 2xx response. -EPROTO with a fault for another status or for a response that is not JSON,
 * -ECONNREFUSED with a fault if there is no response.
 */
int fd_client_call(fd_client *client, const char *method, const char *path, json_t *body,
                   json_t **ret, fd_fault *fault) FD_MUST_CHECK;

#endif
