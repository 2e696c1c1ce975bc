/* The daemon's parts together: store, engine and server, as `serve` and `demo` run them. */
#ifndef FD_SERVICE_H
#define FD_SERVICE_H

#include "api.h"
#include "engine.h"
#include "options.h"
#include "server.h"
#include "signals.h"
#include "tls.h"

typedef struct fd_service {
    fd_engine *engine;
    fd_access *access;
    fd_api *api;
    fd_server *server;
    double stop_seconds;
    char url[128];    /* http://HOST:PORT, or https */
    char status[192]; /* as the service manager was told */
} fd_service;

/* Opens, replays, listens, and says so in the log. On failure `fault` says why in words. */
int fd_service_start(const fd_options *options, fd_service *ret, fd_fault *fault) FD_MUST_CHECK;

/* What the options name; NULL: no certificate. */
int fd_service_load_tls(const fd_options *options, fd_tls **ret, fd_fault *fault) FD_MUST_CHECK;

/* Lets running requests end, stops training, closes the store, within stop_seconds. */
void fd_service_stop(fd_service *service);

/* Waits until the process is told something, of which signals.h tells; meanwhile it tells the
 * service manager that the daemon lives, as long as it does. */
fd_signal_request fd_service_wait(fd_service *service);

/* Reads the options anew, and takes of them what may change while it runs; the log tells. Wrong
 * ones change nothing. `options` are those that were taken so far. */
void fd_service_reload(fd_service *service, fd_options *options, int argc, char **argv);

#endif
