/* Sends a batch of texts with libcurl, and judges how it went. */
#include "embedding_transfer.h"

#include <ctype.h>
#include <errno.h>
#include <fisher/model.h>
#include <jansson.h>
#include <string.h>

#include "embedding_reply.h"
#include "utf8.h"

enum {
    NUMBER_SIZE = 40,       /* bytes of a number in JSON, with blanks */
    REPLY_SIZE = 256 << 10, /* bytes of a reply beside its numbers */
    CONNECT_MILLISECONDS = 10000,
};

/* ---- sending ---- */

static char *make_body(const fd_embedding_transfer *transfer,
                       const fd_embedding_endpoint *endpoint) {
    json_t *input = json_array();
    for (size_t i = 0; i < transfer->n; i++)
        if (json_array_append_new(input, json_string(transfer->texts[i])) < 0)
            json_decref(FD_STEAL(input));
    json_t *body = json_pack("{s:s, s:s, s:o}", "model", endpoint->model, "encoding_format",
                             endpoint->base64 ? "base64" : "float", "input", input);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static size_t on_data(char *data, size_t size, size_t n, void *context) {
    fd_embedding_transfer *transfer = context;
    size_t bytes = size * n, needed = transfer->size + bytes;
    if (needed > transfer->most) {
        transfer->is_too_large = true;
        return 0;
    }
    if (needed > transfer->room) {
        size_t room = 2 * needed < transfer->most ? 2 * needed : transfer->most;
        char *larger = realloc(transfer->reply, room);
        if (!larger)
            return 0;
        transfer->reply = larger;
        transfer->room = room;
    }
    memcpy(transfer->reply + transfer->size, data, bytes);
    transfer->size = needed;
    return bytes;
}

static void set_options(fd_embedding_transfer *transfer, const fd_embedding_endpoint *endpoint,
                        double seconds) {
    CURL *curl = transfer->curl;
    curl_easy_setopt(curl, CURLOPT_URL, endpoint->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* the key is for this server alone */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, endpoint->headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(transfer->body));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MILLISECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(seconds * 1000) + 1);
}

int fd_embedding_transfer_start(fd_embedding_transfer *transfer,
                                const fd_embedding_endpoint *endpoint, CURLM *multi,
                                size_t dimension, double seconds) {
    size_t numbers = transfer->n * (dimension > 0 ? dimension : FI_INPUTS_MAX);
    transfer->most = numbers * NUMBER_SIZE + REPLY_SIZE;
    transfer->attempts++;
    transfer->is_too_large = false;
    transfer->body = make_body(transfer, endpoint);
    transfer->curl = transfer->body ? curl_easy_init() : NULL;
    if (!transfer->curl) {
        fd_embedding_transfer_end(transfer, multi);
        return -ENOMEM;
    }
    set_options(transfer, endpoint, seconds);
    if (curl_multi_add_handle(multi, transfer->curl) == CURLM_OK)
        return 0;
    fd_embedding_transfer_end(transfer, multi);
    return -ENOMEM;
}

void fd_embedding_transfer_end(fd_embedding_transfer *transfer, CURLM *multi) {
    if (transfer->curl) {
        (void)curl_multi_remove_handle(multi, transfer->curl);
        curl_easy_cleanup(transfer->curl);
    }
    free(FD_STEAL(transfer->body));
    free(FD_STEAL(transfer->reply));
    transfer->curl = NULL;
    transfer->size = transfer->room = 0;
}

/* ---- judging ---- */

/* What a server says of a request that it refuses: a printable part of its message. None of it if
 * that might tell the key. */
static void explain(const fd_embedding_transfer *transfer, const fd_embedding_endpoint *endpoint,
                    long status, char *why, size_t size) {
    fd_fault unused = {0};
    json_t *root = NULL;
    why[0] = '\0';
    if (status == 401 || status == 403 || transfer->size == 0 ||
        fd_embedding_json_parse(transfer->reply, transfer->size, "", &root, &unused) < 0)
        return;
    const json_t *error = json_object_get(root, "error");
    const char *message = json_string_value(json_object_get(error, "message"));
    message = message ? message : json_string_value(error);
    if (message && (endpoint->key[0] == '\0' || !strstr(message, endpoint->key))) {
        (void)snprintf(why, size, ": %s", message);
        for (char *at = why; *at;) {
            size_t bytes = fd_utf8_length(at);
            if (bytes == 0) {
                *at = '\0'; /* cut within a character */
                break;
            }
            if (fd_utf8_is_control(at))
                *at = ' ';
            at += bytes;
        }
    }
    json_decref(root);
}

static int judge_status(const fd_embedding_transfer *transfer,
                        const fd_embedding_endpoint *endpoint, double *ret_wait, fd_fault *fault) {
    long status = 0;
    curl_off_t wait = 0;
    char why[160];
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &wait);
    if (status / 100 == 2)
        return 0;
    if (status == 408 || status == 429 || status / 100 == 5) {
        *ret_wait = wait > 0 ? (double)wait : -1;
        return fd_fault_set(fault, -EAGAIN, "", "the embedding server answered %ld", status);
    }
    explain(transfer, endpoint, status, why, sizeof(why));
    return fd_fault_set(fault, -EPROTO, "", "the embedding server answered %ld%s", status, why);
}

static bool may_pass(CURLcode code) {
    static const CURLcode passing[] = {CURLE_COULDNT_RESOLVE_HOST,
                                       CURLE_COULDNT_RESOLVE_PROXY,
                                       CURLE_COULDNT_CONNECT,
                                       CURLE_OPERATION_TIMEDOUT,
                                       CURLE_GOT_NOTHING,
                                       CURLE_PARTIAL_FILE,
                                       CURLE_RECV_ERROR,
                                       CURLE_SEND_ERROR,
                                       CURLE_HTTP2,
                                       CURLE_HTTP2_STREAM,
                                       CURLE_WEIRD_SERVER_REPLY};
    for (size_t i = 0; i < FD_LENGTH(passing); i++)
        if (passing[i] == code)
            return true;
    return false;
}

int fd_embedding_transfer_judge(const fd_embedding_transfer *transfer,
                                const fd_embedding_endpoint *endpoint, CURLcode code,
                                double *ret_wait, fd_fault *fault) {
    *ret_wait = -1;
    if (transfer->is_too_large)
        return fd_fault_set(fault, -EPROTO, "", "the answer of the embedding server is too large");
    if (code == CURLE_WRITE_ERROR || code == CURLE_OUT_OF_MEMORY)
        return -ENOMEM;
    if (code != CURLE_OK)
        return fd_fault_set(fault, may_pass(code) ? -EAGAIN : -EPROTO, "",
                            "the embedding server cannot be used: %s", curl_easy_strerror(code));
    return judge_status(transfer, endpoint, ret_wait, fault);
}
