/* Asks a server of embeddings: batches, some at once, with retries. */
#include "embedding_server.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "embedding_transfer.h"
#include "log.h"
#include "thread.h"

enum { IDLE_MAX = 8 };

static const double backoff_seconds = 0.5, backoff_most = 30, retry_after_most = 300;
static const int tick_milliseconds = 100;

struct fd_embedding_server {
    fd_embedding_endpoint endpoint;
    size_t batch;
    size_t requests;
    double seconds;
    unsigned retries;
    atomic_size_t dimension; /* of all vectors; 0: not known yet */

    pthread_mutex_t lock;
    pthread_cond_t freed;
    size_t running;        /* guarded by lock, like the next two */
    CURLM *idle[IDLE_MAX]; /* with their connections */
    size_t n_idle;
};

/* ---- opening ---- */

static void set_up_curl(void) {
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static bool has(CURLU *url, CURLUPart part) {
    char *text = NULL;
    bool found = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return found;
}

int fd_embedding_url_check(const char *url, fd_fault *fault) {
    CURLU *parsed = curl_url();
    if (!parsed)
        return -ENOMEM;
    bool is_http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
    bool is_right = is_http && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                    !has(parsed, CURLUPART_USER) && !has(parsed, CURLUPART_QUERY) &&
                    !has(parsed, CURLUPART_FRAGMENT);
    curl_url_cleanup(parsed);
    return is_right ? 0
                    : fd_fault_set(fault, -EINVAL, "",
                                   "embedding-url takes http://HOST:PORT/v1, https://… or "
                                   "builtin:hash");
}

static bool ends_with(const char *text, size_t length, const char *end) {
    size_t size = strlen(end);
    return length >= size && memcmp(text + length - size, end, size) == 0;
}

static int make_url(const char *url, char **ret) {
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    const char *rest = ends_with(url, length, "/embeddings") ? ""
                       : ends_with(url, length, "/v1")       ? "/embeddings"
                                                             : "/v1/embeddings";
    if (asprintf(ret, "%.*s%s", (int)length, url, rest) < 0)
        *ret = NULL;
    return *ret ? 0 : -ENOMEM;
}

static int add_header(struct curl_slist **list, const char *header) {
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (!longer)
        return -ENOMEM;
    *list = longer;
    return 0;
}

static int make_headers(const char *key, struct curl_slist **ret) {
    int r = add_header(ret, "Content-Type: application/json");
    if (r == 0)
        r = add_header(ret, "Accept: application/json");
    if (r == 0)
        r = add_header(ret, "Expect:");
    if (r < 0 || key[0] == '\0')
        return r;
    FD_FREE char *header = NULL;
    if (asprintf(&header, "Authorization: Bearer %s", key) < 0) {
        header = NULL;
        return -ENOMEM;
    }
    r = add_header(ret, header);
    sodium_memzero(header, strlen(header));
    return r;
}

int fd_embedding_server_open(const fd_embedding_server_options *options, fd_embedding_server **ret,
                             fd_fault *fault) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, set_up_curl);
    int r = fd_embedding_url_check(options->url, fault);
    if (r < 0)
        return r;
    for (const char *at = options->key; *at; at++)
        if (*at <= ' ' || *at > '~')
            return fd_fault_set(fault, -EINVAL, "", "embedding-key holds more than a key");
    FD_CLEANUP(fd_embedding_server_closep)
    fd_embedding_server *server = calloc(1, sizeof(*server));
    if (!server)
        return -ENOMEM;
    (void)pthread_mutex_init(&server->lock, NULL);
    fd_condition_init(&server->freed);
    server->batch = options->batch;
    server->requests = options->requests;
    server->seconds = options->seconds;
    server->retries = options->retries;
    server->endpoint.base64 = options->base64;
    server->endpoint.model = strdup(options->model);
    server->endpoint.key = strdup(options->key);
    if (!server->endpoint.model || !server->endpoint.key)
        return -ENOMEM;
    r = make_url(options->url, &server->endpoint.url);
    if (r == 0)
        r = make_headers(options->key, &server->endpoint.headers);
    if (r < 0)
        return r;
    *ret = FD_STEAL(server);
    return 0;
}

void fd_embedding_server_close(fd_embedding_server *server) {
    while (server->n_idle > 0)
        (void)curl_multi_cleanup(server->idle[--server->n_idle]);
    for (struct curl_slist *header = server->endpoint.headers; header; header = header->next)
        sodium_memzero(header->data, strlen(header->data));
    curl_slist_free_all(server->endpoint.headers);
    if (server->endpoint.key)
        sodium_memzero(server->endpoint.key, strlen(server->endpoint.key));
    free(server->endpoint.key);
    free(server->endpoint.model);
    free(server->endpoint.url);
    (void)pthread_cond_destroy(&server->freed);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}

/* ---- what threads share ---- */

static CURLM *take_multi(fd_embedding_server *server) {
    {
        FD_LOCKED(&server->lock);
        if (server->n_idle > 0)
            return server->idle[--server->n_idle];
    }
    return curl_multi_init();
}

static void keep_multi(fd_embedding_server *server, CURLM *multi) {
    {
        FD_LOCKED(&server->lock);
        if (server->n_idle < IDLE_MAX) {
            server->idle[server->n_idle++] = multi;
            return;
        }
    }
    (void)curl_multi_cleanup(multi);
}

/* Whether one more request may run; waits a moment for it if `waits`. */
static bool begin_request(fd_embedding_server *server, bool waits) {
    FD_LOCKED(&server->lock);
    if (server->running >= server->requests && waits)
        fd_condition_wait_for(&server->freed, &server->lock, tick_milliseconds / 1e3);
    if (server->running >= server->requests)
        return false;
    server->running++;
    return true;
}

static void end_request(fd_embedding_server *server) {
    FD_LOCKED(&server->lock);
    server->running--;
    (void)pthread_cond_signal(&server->freed);
}

/* ---- asking ---- */

struct asking {
    fd_embedding_server *server;
    const fd_patience *patience;
    CURLM *multi;
    fd_embedding_transfer *transfers; /* [count] */
    size_t count;
    size_t running;
    size_t done;
    double resume; /* the server asked for silence until then */
    float *values; /* [texts x dimension]; NULL before the first reply */
    size_t texts;
    fd_fault *fault;
};

static double left(const struct asking *asking) {
    double deadline = asking->patience->deadline;
    return deadline > 0 ? deadline - fd_monotonic_seconds() : INFINITY;
}

static void end_transfer(struct asking *asking, fd_embedding_transfer *transfer) {
    if (!transfer->curl)
        return;
    fd_embedding_transfer_end(transfer, asking->multi);
    end_request(asking->server);
    asking->running--;
}

static void asking_clear(struct asking *asking) {
    for (size_t i = 0; asking->transfers && i < asking->count; i++)
        end_transfer(asking, &asking->transfers[i]);
    if (asking->multi)
        keep_multi(asking->server, asking->multi);
    free(asking->transfers);
    free(asking->values);
}

static int prepare(struct asking *asking, const char *const *texts, size_t n) {
    size_t batch = asking->server->batch;
    asking->texts = n;
    asking->count = (n + batch - 1) / batch;
    asking->transfers = calloc(asking->count, sizeof(*asking->transfers));
    asking->multi = take_multi(asking->server);
    if (!asking->transfers || !asking->multi)
        return -ENOMEM;
    for (size_t i = 0; i < asking->count; i++) {
        asking->transfers[i].texts = texts + i * batch;
        asking->transfers[i].n = n - i * batch < batch ? n - i * batch : batch;
    }
    return 0;
}

/* Starts what may start now. */
static int start_transfers(struct asking *asking) {
    double now = fd_monotonic_seconds();
    for (size_t i = 0; i < asking->count; i++) {
        fd_embedding_transfer *transfer = &asking->transfers[i];
        if (transfer->is_done || transfer->curl || transfer->not_before > now ||
            asking->resume > now)
            continue;
        if (!begin_request(asking->server, asking->running == 0))
            return 0;
        int r = fd_embedding_transfer_start(transfer, &asking->server->endpoint, asking->multi,
                                            atomic_load(&asking->server->dimension),
                                            fmin(asking->server->seconds, fmax(left(asking), 0)));
        if (r < 0) {
            end_request(asking->server);
            return r;
        }
        asking->running++;
    }
    return 0;
}

/* The first answer ever sets the dimension. */
static int settle_dimension(struct asking *asking, size_t dimension) {
    size_t known = 0;
    if (!atomic_compare_exchange_strong(&asking->server->dimension, &known, dimension) &&
        known != dimension)
        return fd_fault_set(asking->fault, -EPROTO, "",
                            "the vectors of the embedding server had %zu numbers and have %zu",
                            known, dimension);
    if (!asking->values)
        asking->values = reallocarray(NULL, asking->texts, dimension * sizeof(float));
    return asking->values ? 0 : -ENOMEM;
}

static int read_reply(struct asking *asking, const fd_embedding_transfer *transfer) {
    fd_vectors vectors = {0};
    size_t known = atomic_load(&asking->server->dimension);
    int r = fd_embedding_reply_read(transfer->reply ? transfer->reply : "", transfer->size,
                                    transfer->n, known, &vectors, asking->fault);
    FD_FREE float *values = vectors.values;
    if (r == 0)
        r = settle_dimension(asking, vectors.dimension);
    if (r < 0)
        return r;
    size_t first = (size_t)(transfer - asking->transfers) * asking->server->batch;
    memcpy(asking->values + first * vectors.dimension, values,
           transfer->n * vectors.dimension * sizeof(float));
    return 0;
}

/* From half to all of the backoff, so that clients do not come back all at once. */
static double backoff(unsigned attempts) {
    double most = fmin(backoff_seconds * ldexp(1, (int)attempts - 1), backoff_most);
    return most * (0.5 + 0.5 * randombytes_uniform(1 << 16) / 65536.0);
}

/* Decides whether a failed attempt is repeated. Its fault is there already. */
static int plan_retry(struct asking *asking, fd_embedding_transfer *transfer, double asked_wait) {
    double wait = asked_wait >= 0 ? asked_wait : backoff(transfer->attempts);
    if (transfer->attempts > asking->server->retries || wait > retry_after_most ||
        wait > left(asking))
        return -EAGAIN;
    fd_log(FD_LOG_WARNING, "embedding-retry", FD_STR("reason", asking->fault->detail),
           FD_INT("attempt", transfer->attempts), FD_REAL("wait_seconds", wait));
    *asking->fault = (fd_fault){0};
    transfer->not_before = fd_monotonic_seconds() + wait;
    if (asked_wait >= 0)
        asking->resume = fmax(asking->resume, transfer->not_before);
    return 0;
}

static int finish(struct asking *asking, fd_embedding_transfer *transfer, CURLcode code) {
    double wait;
    int r = fd_embedding_transfer_judge(transfer, &asking->server->endpoint, code, &wait,
                                        asking->fault);
    if (r == 0)
        r = read_reply(asking, transfer);
    if (r == 0) {
        transfer->is_done = true;
        asking->done++;
    }
    end_transfer(asking, transfer);
    return r == -EAGAIN ? plan_retry(asking, transfer, wait) : r;
}

static int finish_transfers(struct asking *asking) {
    CURLMsg *message;
    int unused;
    while ((message = curl_multi_info_read(asking->multi, &unused))) {
        fd_embedding_transfer *transfer = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        int r = finish(asking, transfer, message->data.result);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_patience(const struct asking *asking) {
    const fd_patience *patience = asking->patience;
    if (patience->go_on && !patience->go_on(patience->context))
        return -ECANCELED;
    if (left(asking) > 0)
        return 0;
    return fd_fault_set(
        asking->fault, -EAGAIN, "",
        "the embedding server did not embed the texts within embedding-seconds; send "
        "fewer at once");
}

static int step(struct asking *asking) {
    int running;
    int r = check_patience(asking);
    if (r == 0)
        r = start_transfers(asking);
    if (r < 0)
        return r;
    if (curl_multi_perform(asking->multi, &running) != CURLM_OK)
        return -ENOMEM;
    r = finish_transfers(asking);
    if (r == 0 && asking->done < asking->count &&
        curl_multi_poll(asking->multi, NULL, 0, tick_milliseconds, NULL) != CURLM_OK)
        r = -ENOMEM;
    return r;
}

int fd_embedding_server_ask(fd_embedding_server *server, const char *const *texts, size_t n,
                            const fd_patience *patience, fd_vectors *ret, fd_fault *fault) {
    FD_CLEANUP(asking_clear)
    struct asking asking = {.server = server, .patience = patience, .fault = fault};
    int r = prepare(&asking, texts, n);
    while (r == 0 && asking.done < asking.count)
        r = step(&asking);
    if (r < 0)
        return r;
    ret->values = FD_STEAL(asking.values);
    ret->dimension = atomic_load(&server->dimension);
    return 0;
}
