/* The daemon's parts together: store, engine and server, as `serve` and `demo` run them. */
#ifndef FD_SERVICE_H
#define FD_SERVICE_H

#include "access.h"
#include "api.h"
#include "embedder.h"
#include "engine.h"
#include "options.h"
#include "server.h"
#include "signals.h"
#include "tls.h"
#include "token_files.h"

typedef struct fd_service {
    fd_engine *engine;
    fd_access *access;
    fd_embedder *embedder; /* NULL: texts are not embedded */
    fd_api *api;
    fd_server *server;
    fd_ended_names ended; /* names whose leases were handed back because their tokens ended */
    fd_token_files files;
    char *checkpoint; /* its file; NULL: none */
    double stop_seconds;
    char url[128];    /* http://HOST:PORT, or https */
    char status[192]; /* the last one that the service manager got */
} fd_service;

/* Opens the database, replays it, listens, and logs "ready". -errno; the fault explains what a
 * person can correct. */
int fd_service_start(const fd_options *options, fd_service *ret, fd_fault *fault) FD_MUST_CHECK;

/* Loads the certificate and key that the options name; *ret is NULL if they name none. */
int fd_service_load_tls(const fd_options *options, fd_tls **ret, fd_fault *fault) FD_MUST_CHECK;

/* Lets running requests end, stops training and closes the store, within stop_seconds. */
void fd_service_stop(fd_service *service);

/* Waits for a signal that asks for something (signals.h). Meanwhile it gives the service manager a
 * sign of life as long as the writer makes progress. */
fd_signal_request fd_service_wait(fd_service *service);

/* Reads the options again, and applies those that may change while the daemon runs; the log says
 * which. If any option is wrong, nothing changes. `options` are those in force. */
void fd_service_reload(fd_service *service, fd_options *options, int argc, char **argv);

#endif
