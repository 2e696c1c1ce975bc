/* Turns the daemon's options into those of the HTTP server and of the API. */
#include "options_for_http.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static size_t mebibytes(double number) {
    return (size_t)(number * 1048576.0);
}

/* For the store, the log and so on. */
enum { OTHER_FILES = 256 };

/* As many as are common, but no more than the system allows files for. */
static uint32_t default_connections(uint32_t threads) {
    enum { A_THREAD_EACH = 1024, OF_A_POOL_THREAD = 120 };
    struct rlimit files;
    uint32_t most = threads > 0 ? OF_A_POOL_THREAD * threads : A_THREAD_EACH;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_max >= (rlim_t)most + OTHER_FILES)
        return most;
    return files.rlim_max > (rlim_t)2 * OTHER_FILES ? (uint32_t)files.rlim_max - OTHER_FILES : 64;
}

fd_server_options fd_options_server(const fd_options *options) {
    return (fd_server_options){
        .connections = options->connections > 0 ? (uint32_t)options->connections
                                                : default_connections((uint32_t)options->threads),
        .address_connections = (uint32_t)options->address_connections,
        .threads = (uint32_t)options->threads,
        .head_size = (size_t)options->header_size << 10,
        .memory = mebibytes(options->memory),
        .idle_seconds = (uint32_t)options->idle_seconds,
        .request_seconds = (uint32_t)options->request_seconds,
        .stream_rate = (double)options->stream_rate,
        .stream_seconds = options->stream_seconds,
        .send_seconds = (uint32_t)options->send_seconds,
        .trusted_proxies = options->trusted_proxies,
    };
}

/* A waiting client keeps its connection and the thread of it: at most half of them wait. A pool has
 * no thread to spare, since one that waits would serve none of its other connections. */
static uint32_t waiting_clients(const fd_options *options) {
    uint32_t most = fd_options_server(options).connections / 2;
    if (options->threads > 0)
        return 0;
    return options->waiting_clients < most ? (uint32_t)options->waiting_clients : most;
}

fd_api_options fd_options_api(const fd_options *options) {
    return (fd_api_options){
        .requests_at_once = (uint32_t)options->requests_at_once,
        .selections_at_once = (uint32_t)options->selections_at_once,
        .selection_queue = (uint32_t)options->selection_queue,
        .transfers_at_once = (uint32_t)options->transfers_at_once,
        .transfer_queue = (uint32_t)options->transfer_queue,
        .imports_at_once = (uint32_t)options->imports_at_once,
        .waiting_clients = waiting_clients(options),
        .longest_wait = (double)options->idle_seconds / 2.0,
        .body_size = mebibytes(options->body_size),
        .request_memory = mebibytes(options->request_memory),
        .memory = mebibytes(options->memory),
        .embedding_jobs = {.jobs = (uint64_t)options->embedding_jobs,
                           .bytes = mebibytes(options->embedding_job_size)},
        .cors_origins = options->cors_origins,
        .score_metadata = options->score_metadata,
    };
}

int fd_options_split_listen(const char *listen, char *host, size_t size, uint16_t *ret_port,
                            fd_fault *fault) {
    const char *colon = strrchr(listen, ':');
    char *end = NULL;
    unsigned long port =
        colon && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : UINT32_MAX;
    if (!colon || colon == listen || port > UINT16_MAX || *end != '\0')
        return fd_fault_set(fault, -EINVAL, "", "listen takes HOST:PORT, not \"%s\"", listen);

    const char *start = listen;
    size_t length = (size_t)(colon - listen);
    if (start[0] == '[' && length > 2 && start[length - 1] == ']') {
        start++;
        length -= 2;
    }
    if (length >= size)
        return fd_fault_set(fault, -EINVAL, "", "the host in \"%s\" is too long", listen);
    memcpy(host, start, length);
    host[length] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}
