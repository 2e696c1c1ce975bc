#include "service.h"

#include <cblas.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "version.h"

/* SIGTERM ends the daemon within two seconds; this is the part that running requests may take. */
static const double grace_seconds = 1.0;

static int open_engine(const fd_options *options, fd_engine **ret, fd_fault *fault) {
    if (options->db[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--db FILE is missing");
    if (!fi_strategy_find(options->strategy))
        return fd_fault_set(fault, -EINVAL, "", "there is no strategy \"%s\"", options->strategy);
    if (strcmp(options->candidates, "in_prompt") != 0 &&
        strcmp(options->candidates, "cross_prompt") != 0 && strcmp(options->candidates, "any") != 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "candidates takes in_prompt, cross_prompt or any, not \"%s\"",
                            options->candidates);
    fd_store *store;
    int r = fd_store_open_sqlite(options->db, &store, fault);
    if (r < 0)
        return r;
    fd_engine_options engine = fd_options_engine(options);
    return fd_engine_open(&engine, store, ret, fault);
}

int fd_service_start(const fd_options *options, fd_service *ret, fd_fault *fault) {
    char host[64];
    uint16_t port;
    int r = fd_options_split_listen(options->listen, host, sizeof(host), &port, fault);
    if (r < 0)
        return r;

    /* Many small products beside each other: threads inside one would only get in the way. */
    openblas_set_num_threads(1);
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = NULL;
    r = open_engine(options, &engine, fault);
    if (r < 0)
        return r;

    fd_server_options server_options = {
        .host = host,
        .port = port,
        .connections = (uint32_t)options->connections,
        .threads = (uint32_t)options->threads,
        .selections_at_once = (uint32_t)options->selections_at_once,
        .selection_queue = (uint32_t)options->selection_queue,
        .transfers_at_once = (uint32_t)options->transfers_at_once,
        .transfer_queue = (uint32_t)options->transfer_queue,
        .idle_seconds = (uint32_t)options->idle_seconds,
        .request_seconds = (uint32_t)options->request_seconds,
        .trusted_proxies = options->trusted_proxies,
        .version = FD_VERSION,
    };
    fd_server *server;
    r = fd_server_start(&server_options, engine, &server, fault);
    if (r < 0)
        return r;

    fd_metrics *metrics = fd_engine_metrics(engine);
    fd_metrics_set(metrics, FD_METRIC_BUILD, FD_VERSION, NULL, 1);
    fd_metrics_set(metrics, FD_METRIC_START_TIME, NULL, NULL, (double)fd_wall_milliseconds() / 1e3);
    const char *format = strchr(host, ':') ? "http://[%s]:%u" : "http://%s:%u";
    (void)snprintf(ret->url, sizeof(ret->url), format, host, fd_server_port(server));
    fd_log(FD_LOG_INFO, "ready", FD_STR("listening", ret->url), FD_STR("version", FD_VERSION),
           FD_STR("db", options->db), FD_STR("blas_kernels", openblas_get_corename()));
    ret->engine = FD_STEAL(engine);
    ret->server = server;
    return 0;
}

void fd_service_stop(fd_service *service) {
    double start = fd_monotonic_seconds();
    fd_log(FD_LOG_INFO, "stopping", FD_REAL("grace_seconds", grace_seconds));
    fd_engine_interrupt(service->engine);
    fd_server_stop(service->server, grace_seconds);
    fd_engine_close(service->engine);
    fd_log(FD_LOG_INFO, "stopped", FD_REAL("seconds", fd_monotonic_seconds() - start));
}

/* Blocking the signals and sigwait would not do: OpenBLAS has started a thread before main, which
 * does not block them. */
static sem_t told_to_end;

static void on_ending_signal(int number) {
    (void)number;
    (void)sem_post(&told_to_end);
}

void fd_service_catch_signals(void) {
    struct sigaction action = {.sa_handler = on_ending_signal, .sa_flags = SA_RESTART};
    (void)sem_init(&told_to_end, 0, 0);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

void fd_service_wait(void) {
    while (sem_wait(&told_to_end) != 0)
        continue;
}
