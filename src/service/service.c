/* The daemon's parts together: starts them, waits for signals, stops them. */
#include "service.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint_file.h"
#include "clock.h"
#include "ended_leases.h"
#include "log.h"
#include "options_check.h"
#include "options_for_embedder.h"
#include "options_for_engine.h"
#include "options_for_http.h"
#include "re_embedding.h"
#include "secret.h"
#include "service_manager.h"
#include "store_open.h"
#include "version.h"

/* The daemon reports its status to the service manager at least this often. */
static const double tick_seconds = 1.0;

/* What a backup must not take the place of. The engine borrows the paths. */
static void name_files_in_use(const fd_options *options, const fd_token_files *files,
                              const char *checkpoint, fd_engine_options *engine) {
    const char *const paths[] = {options->db,       files->tokens.name, files->key.name,
                                 files->ended.name, options->config,    options->tls_certificate,
                                 options->tls_key,  checkpoint};
    static_assert(FD_LENGTH(paths) <= FD_FILES_IN_USE, "each path has room");
    memcpy(engine->files_in_use, paths, sizeof(paths));
}

/* Options that are still accepted, so that old configurations start. */
static void warn_of_needless_options(const fd_options *options) {
    if (options->held_out > 0.0)
        fd_log(FD_LOG_WARNING, "option-without-effect", FD_STR("option", "held-out"),
               FD_STR("meaning", "all answers train the model, and folds of them test it"));
}

static int warn_of_coming(void *context, const fd_embedder_row *row) {
    (void)context;
    fd_log(FD_LOG_WARNING, "re-embedding-unfinished", FD_STR("embedder", row->name),
           FD_STR("meaning", "it goes on where this embedder is configured, here or by fisherd "
                             "re-embed; the embeddings from before serve"));
    return 0;
}

/* The service manager waits for these seconds: for a migration or a look at all pages of the
 * database, which may be large, and for the next part of it to be read. */
static const double opening_seconds = 1800, reading_seconds = 120;

static void tell_reading(double share) {
    char status[64];
    if (share >= 1) {
        fd_service_manager_notify_starting(opening_seconds, "looks for damaged pages");
        return;
    }
    (void)snprintf(status, sizeof(status), "reads the database: %.0f %%", 100 * share);
    fd_service_manager_notify_starting(reading_seconds, status);
}

/* A store that replicas share has the tokens, and is open already. */
static int open_engine(const fd_options *options, const fd_token_files *files,
                       const fd_embedder *embedder, fd_store **shared, char **ret_checkpoint,
                       fd_engine **ret, fd_fault *fault) {
    fd_store *store = FD_STEAL(*shared);
    fd_service_manager_notify_starting(opening_seconds, "opens the database");
    int r = store ? 0 : fd_store_open_early(options->db, &store, fault);
    if (r < 0)
        return r;
    fd_engine_options engine = fd_options_engine(options);
    engine.prompt_is_half = embedder && fd_embedder_is_apart(embedder);
    r = fd_checkpoint_file_find(options, ret_checkpoint);
    if (r < 0) {
        fd_store_close(store);
        return r;
    }
    engine.checkpoint = *ret_checkpoint;
    engine.program = FD_VERSION;
    engine.reading = tell_reading;
    name_files_in_use(options, files, *ret_checkpoint, &engine);
    warn_of_needless_options(options);
    if (!fd_store_is_url(options->db))
        (void)!fd_re_embedding_coming(store, warn_of_coming, NULL);
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
        return fd_fault_set(fault, -EINVAL, "", "tls-key needs tls-certificate");
    return has_certificate ? fd_tls_load(options->tls_certificate, key, ret, fault) : 0;
}

/* ---- start ---- */

static void set_up_libraries(void) {
#ifdef M_MMAP_THRESHOLD /* glibc's */
    /* Memory that trainings and selections free goes back to the system. Without a fixed threshold
     * glibc would keep blocks of megabytes in the heap of the thread that asked for them. */
    (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    /* The same for what is smaller, but not after every statement of the store: a heap that gives
     * memory back interrupts all threads on other cores. */
    (void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
#endif
    /* The daemon runs many small products in parallel: threads inside one would only compete. */
    openblas_set_num_threads(1);
}

static void announce_ready(const fd_service *service, const fd_options *options) {
    FD_FREE char *db = NULL;
    (void)!fd_store_name(options->db, &db); /* without the password */
    fd_metrics *metrics = fd_engine_metrics(service->engine);
    fd_metrics_set(metrics, FD_METRIC_BUILD, FD_VERSION, NULL, 1);
    fd_metrics_set(metrics, FD_METRIC_START_TIME, NULL, NULL, (double)fd_wall_milliseconds() / 1e3);
    fd_log(FD_LOG_INFO, "ready", FD_STR("listening", service->url), FD_STR("version", FD_VERSION),
           FD_STR("db", db ? db : ""), FD_STR("blas_kernels", openblas_get_corename()));
    fd_service_manager_notify_ready("started");
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

    set_up_libraries();
    FD_CLEANUP(fd_token_files_clear) fd_token_files files = {0};
    FD_CLEANUP(fd_store_closep) fd_store *shared = NULL;
    FD_FREE char *checkpoint = NULL; /* the engine borrows it */
    FD_CLEANUP(fd_engine_closep) fd_engine *engine = NULL;
    FD_CLEANUP(fd_access_closep) fd_access *access = NULL;
    FD_CLEANUP(fd_embedder_closep) fd_embedder *embedder = NULL;
    r = fd_options_open_embedder(options, &embedder, fault);
    if (r == 0 && fd_store_is_url(options->db))
        r = fd_store_open(options->db, &shared, fault);
    if (r == 0)
        r = fd_token_files_find(options, options->db, shared, &files, fault);
    if (r == 0)
        r = fd_token_files_open(options, &files, host, &access, fault);
    if (r == 0)
        r = open_engine(options, &files, embedder, &shared, &checkpoint, &engine, fault);
    if (r < 0)
        return r;

    fd_api_options api_options = fd_options_api(options);
    api_options.access = access;
    api_options.embedder = embedder;
    api_options.version = FD_VERSION;
    FD_CLEANUP(fd_api_closep) fd_api *api = NULL;
    r = fd_api_open(&api_options, engine, &api);
    if (r < 0)
        return r;
    fd_server_options server_options = fd_options_server(options);
    server_options.host = host;
    server_options.port = port;
    server_options.is_secure = is_secure;
    server_options.shared_memory = fd_api_memory(api);
    const fd_server_hooks hooks = fd_api_hooks(api);
    fd_server *server;
    r = fd_server_start(&server_options, &hooks, fd_engine_metrics(engine), &server, fault);
    if (r < 0)
        return r;

    *ret = (fd_service){
        .engine = FD_STEAL(engine),
        .access = FD_STEAL(access),
        .embedder = FD_STEAL(embedder),
        .api = FD_STEAL(api),
        .server = server,
        .files = files,
        .checkpoint = FD_STEAL(checkpoint),
        .stop_seconds = options->stop_seconds,
    };
    files = (fd_token_files){0};
    const char *format = strchr(host, ':') ? "http%s://[%s]:%u" : "http%s://%s:%u";
    (void)snprintf(ret->url, sizeof(ret->url), format, is_secure ? "s" : "", host,
                   fd_server_port(server));
    announce_ready(ret, options);
    return 0;
}

/* ---- running ---- */

/* `systemctl status` shows whether the daemon serves. */
static void report_status(fd_service *service) {
    char reason[160], status[sizeof(service->status)];
    if (fd_engine_ready(service->engine, reason, sizeof(reason)) == 0)
        (void)snprintf(status, sizeof(status), "serves %s", service->url);
    else
        (void)snprintf(status, sizeof(status), "not ready: %s", reason);
    if (strcmp(status, service->status) == 0)
        return;
    memcpy(service->status, status, sizeof(status));
    fd_service_manager_notify_status(status);
}

fd_signal_request fd_service_wait(fd_service *service) {
    double watchdog = fd_service_manager_watchdog_seconds();
    double tick = watchdog > 0 ? fmin(watchdog / 4, tick_seconds) : tick_seconds;
    for (;;) {
        fd_signal_request request = fd_signals_wait(tick);
        if (request != FD_SIGNAL_NONE)
            return request;
        report_status(service);
        fd_ended_leases_check(service->engine, service->access, &service->ended);
        if (watchdog > 0 && fd_engine_stalled_seconds(service->engine) < watchdog / 2)
            fd_service_manager_notify_alive();
    }
}

/* A process stops its service as the last thing. */
static fd_engine *left_to_the_system;

void fd_service_stop(fd_service *service) {
    double start = fd_monotonic_seconds();
    double grace = service->stop_seconds / 2; /* for running requests */
    fd_signals_end_within(service->stop_seconds);
    fd_service_manager_notify_stopping();
    fd_log(FD_LOG_INFO, "stopping", FD_REAL("grace_seconds", grace));
    fd_engine_interrupt(service->engine);
    fd_api_interrupt(service->api);
    fd_server_stop(service->server, grace);
    fd_api_close(service->api);
    fd_access_close(service->access); /* before the store, which may have its files */
    fd_engine_end(service->engine);
    left_to_the_system = service->engine;
    if (service->embedder)
        fd_embedder_close(service->embedder);
    fd_ended_names_clear(&service->ended);
    fd_token_files_clear(&service->files);
    free(FD_STEAL(service->checkpoint));
    fd_signals_end_within(0); /* all is safe, and what is left are the system's steps */
    fd_log(FD_LOG_INFO, "stopped", FD_REAL("seconds", fd_monotonic_seconds() - start));
}
