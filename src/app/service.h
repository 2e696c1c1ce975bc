/* The daemon's parts together: store, engine and server, as `serve` and `demo` run them. */
#ifndef FD_SERVICE_H
#define FD_SERVICE_H

#include "engine.h"
#include "options.h"
#include "server.h"

typedef struct fd_service {
    fd_engine *engine;
    fd_server *server;
    char url[128]; /* http://HOST:PORT */
} fd_service;

/* Opens, replays, listens, and says so in the log. On failure `fault` says why in words. */
int fd_service_start(const fd_options *options, fd_service *ret, fd_fault *fault) FD_MUST_CHECK;

/* Lets running requests end, stops training, closes the store. */
void fd_service_stop(fd_service *service);

/* From now on SIGTERM and SIGINT make fd_service_wait return, and SIGPIPE is ignored. Call before
 * fd_service_start. */
void fd_service_catch_signals(void);

/* Returns when the process is told to end. */
void fd_service_wait(void);

#endif
