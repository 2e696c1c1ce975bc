#include "service.h"

#include <cblas.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "notify.h"
#include "secret.h"
#include "token_files.h"
#include "version.h"

/* The service manager is told how the daemon is at least as often, in seconds. */
static const double tick_seconds = 1.0;

static int open_engine(const fd_options *options, fd_engine **ret, fd_fault *fault) {
    fd_store *store;
    int r = fd_store_open_sqlite(options->db, &store, fault);
    if (r < 0)
        return r;
    fd_engine_options engine = fd_options_engine(options);
    return fd_engine_open(&engine, store, ret, fault);
}

int fd_service_load_tls(const fd_options *options, fd_tls **ret, fd_fault *fault) {
    bool has_certificate = options->tls_certificate[0] != '\0';
    FD_FREE char *key = NULL;
    *ret = NULL;
    int r = has_certificate ? fd_secret_path(options->tls_key, "tls-key", "", &key) : 0;
    if (r < 0)
        return r;
    if (has_certificate && key[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "tls-certificate needs tls-key");
    if (!has_certificate && options->tls_key[0] != '\0')
        return fd_fault_set(fault, -EINVAL, "", "tls-key is of no use without tls-certificate");
    return has_certificate ? fd_tls_load(options->tls_certificate, key, ret, fault) : 0;
}

static size_t mebibytes(double number) {
    return (size_t)(number * 1048576.0);
}

int fd_service_start(const fd_options *options, fd_service *ret, fd_fault *fault) {
    char host[64];
    uint16_t port;
    int r = fd_options_check(options, fault);
    if (r == 0)
        r = fd_options_split_listen(options->listen, host, sizeof(host), &port, fault);
    if (r < 0)
        return r;

    FD_CLEANUP(fd_tls_freep) fd_tls *tls = NULL;
    r = fd_service_load_tls(options, &tls, fault);
    if (r < 0)
        return r;
    bool is_secure = tls != NULL;
    fd_tls_serve(FD_STEAL(tls));

#ifdef M_MMAP_THRESHOLD /* glibc's */
    /* What trainings and selections free goes back to the system: without a fixed threshold, blocks
     * of megabytes would come to lie in the heap of whatever thread asks for them, for ever. */
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
#endif
    /* Many small products beside each other: threads inside one would only get in the way. */
    openblas_set_num_threads(1);
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = NULL;
    FD_CLEANUP(fd_access_closep) fd_access *access = NULL;
    r = fd_token_files_open(options, host, &access, fault);
    if (r == 0)
        r = open_engine(options, &engine, fault);
    if (r < 0)
        return r;

    fd_server_options server_options = {
        .host = host,
        .port = port,
        .connections = (uint32_t)options->connections,
        .address_connections = (uint32_t)options->address_connections,
        .threads = (uint32_t)options->threads,
        .requests_at_once = (uint32_t)options->requests_at_once,
        .selections_at_once = (uint32_t)options->selections_at_once,
        .selection_queue = (uint32_t)options->selection_queue,
        .transfers_at_once = (uint32_t)options->transfers_at_once,
        .transfer_queue = (uint32_t)options->transfer_queue,
        .head_size = (size_t)options->header_size << 10,
        .body_size = mebibytes(options->body_size),
        .request_memory = mebibytes(options->request_memory),
        .memory = mebibytes(options->memory),
        .idle_seconds = (uint32_t)options->idle_seconds,
        .request_seconds = (uint32_t)options->request_seconds,
        .send_seconds = (uint32_t)options->send_seconds,
        .is_secure = is_secure,
        .trusted_proxies = options->trusted_proxies,
        .access = access,
        .cors_origins = options->cors_origins,
        .version = FD_VERSION,
    };
    fd_server *server;
    r = fd_server_start(&server_options, engine, &server, fault);
    if (r < 0)
        return r;

    fd_metrics *metrics = fd_engine_metrics(engine);
    fd_metrics_set(metrics, FD_METRIC_BUILD, FD_VERSION, NULL, 1);
    fd_metrics_set(metrics, FD_METRIC_START_TIME, NULL, NULL, (double)fd_wall_milliseconds() / 1e3);
    const char *format = strchr(host, ':') ? "http%s://[%s]:%u" : "http%s://%s:%u";
    (void)snprintf(ret->url, sizeof(ret->url), format, is_secure ? "s" : "", host,
                   fd_server_port(server));
    fd_log(FD_LOG_INFO, "ready", FD_STR("listening", ret->url), FD_STR("version", FD_VERSION),
           FD_STR("db", options->db), FD_STR("blas_kernels", openblas_get_corename()));
    ret->engine = FD_STEAL(engine);
    ret->access = FD_STEAL(access);
    ret->server = server;
    ret->stop_seconds = options->stop_seconds;
    ret->status[0] = '\0';
    fd_notify_ready("started");
    return 0;
}

/* ---- while it runs ---- */

/* Whether the daemon serves, for those who ask the service manager. */
static void tell_status(fd_service *service) {
    char reason[160], status[sizeof(service->status)];
    if (fd_engine_ready(service->engine, reason, sizeof(reason)) == 0)
        (void)snprintf(status, sizeof(status), "serves %s", service->url);
    else
        (void)snprintf(status, sizeof(status), "not ready: %s", reason);
    if (strcmp(status, service->status) == 0)
        return;
    memcpy(service->status, status, sizeof(status));
    fd_notify_status(status);
}

fd_told fd_service_wait(fd_service *service) {
    double watchdog = fd_notify_watchdog_seconds();
    double tick = watchdog > 0 ? fmin(watchdog / 4, tick_seconds) : tick_seconds;
    for (;;) {
        fd_told told = fd_signals_wait(tick);
        if (told != FD_TOLD_NOTHING)
            return told;
        tell_status(service);
        if (watchdog > 0 && fd_engine_stalled_seconds(service->engine) < watchdog / 2)
            fd_notify_alive();
    }
}

void fd_service_stop(fd_service *service) {
    double start = fd_monotonic_seconds(), all = service->stop_seconds;
    double grace = all / 2; /* what running requests may take of it */
    fd_signals_end_within(all);
    fd_notify_stopping();
    fd_log(FD_LOG_INFO, "stopping", FD_REAL("grace_seconds", grace));
    fd_engine_interrupt(service->engine);
    fd_server_stop(service->server, grace);
    fd_engine_close(service->engine);
    fd_access_close(service->access);
    fd_log(FD_LOG_INFO, "stopped", FD_REAL("seconds", fd_monotonic_seconds() - start));
}
