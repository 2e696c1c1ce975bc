/* Streams a file, decompressed, in chunks. The daemon may refuse before all of it is sent. */
#include "upload_request.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "import_input.h"
#include "import_summary.h"

enum { RESPONSE_MAX = 1 << 20, CONNECT_SECONDS = 30, WAIT_MILLISECONDS = 1000 };

/* Bytes that wait to be sent, or that have arrived. Starts as all zero. */
struct buffer {
    char *bytes;
    size_t size, room;
    size_t sent;
};

static int append(struct buffer *buffer, const char *bytes, size_t size) {
    if (size == 0) /* the buffer may be NULL yet */
        return 0;
    if (buffer->size + size > buffer->room) {
        size_t room = 2 * (buffer->size + size);
        char *grown = realloc(buffer->bytes, room);
        if (!grown)
            return -ENOMEM;
        buffer->bytes = grown;
        buffer->room = room;
    }
    memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
    return 0;
}

struct sending {
    fd_import_input input;
    struct buffer body;
    struct buffer response;
    int64_t begin_ms;
    bool has_ended;
    bool waits;    /* for the file; the response may come meanwhile */
    bool is_ended; /* by a response that came before the end of the file */
    int error;     /* of reading the file */
    fd_fault *fault;
};

static void sending_clear(struct sending *sending) {
    fd_import_input_close(&sending->input);
    free(sending->body.bytes);
    free(sending->response.bytes);
}

static int take_bytes(void *context, const char *bytes, size_t size) {
    struct sending *sending = context;
    return append(&sending->body, bytes, size);
}

/* Reads until there is something to send. */
static int fill(struct sending *sending) {
    sending->body.size = sending->body.sent = 0;
    while (sending->body.size == 0 && !sending->has_ended) {
        int more = fd_import_input_read(&sending->input, sending->fault);
        if (more < 0)
            return more;
        sending->has_ended = more == 0;
        fd_import_show_progress(sending->input.name, sending->input.at, sending->input.size,
                                sending->begin_ms);
    }
    return 0;
}

/* Whether reading from the file returns at once; a pipe may stay silent for as long as it likes. */
static bool has_input(const struct sending *sending) {
    struct pollfd file = {.fd = sending->input.descriptor, .events = POLLIN};
    return poll(&file, 1, 0) != 0;
}

static size_t on_read(char *to, size_t size, size_t n, void *context) {
    struct sending *sending = context;
    struct buffer *body = &sending->body;
    if (sending->is_ended)
        return CURL_READFUNC_ABORT;
    sending->waits = body->sent == body->size && !sending->has_ended && !has_input(sending);
    if (sending->waits)
        return CURL_READFUNC_PAUSE;
    if (body->sent == body->size)
        sending->error = fill(sending);
    if (sending->error < 0)
        return CURL_READFUNC_ABORT;
    size_t left = body->size - body->sent;
    size_t taken = left < size * n ? left : size * n;
    if (taken > 0)
        memcpy(to, body->bytes + body->sent, taken);
    body->sent += taken;
    return taken;
}

static size_t on_response(char *bytes, size_t size, size_t n, void *context) {
    struct sending *sending = context;
    if (sending->response.size + size * n > RESPONSE_MAX)
        return 0;
    return append(&sending->response, bytes, size * n) == 0 ? size * n : 0;
}

/* ---- the request ---- */

char *fd_upload_url(const char *base, const char *format, const char *map, bool is_dry) {
    char *escaped_format = curl_easy_escape(NULL, format, 0), *url = NULL;
    char *escaped_map = curl_easy_escape(NULL, map, 0);
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    if (escaped_format && escaped_map &&
        asprintf(&url, "%.*s/v1/import?format=%s%s%s%s", (int)length, base, escaped_format,
                 map[0] != '\0' ? "&map=" : "", escaped_map, is_dry ? "&dry_run=true" : "") < 0)
        url = NULL;
    curl_free(escaped_format);
    curl_free(escaped_map);
    return url;
}

static int add_header(struct curl_slist **list, const char *header) {
    struct curl_slist *longer = curl_slist_append(*list, header);
    *list = longer ? longer : *list;
    return longer ? 0 : -ENOMEM;
}

static int make_headers(const fd_upload *upload, struct curl_slist **ret) {
    char *authorization = NULL;
    int r = add_header(ret, "Content-Type: application/octet-stream");
    if (r == 0)
        r = add_header(ret, "Transfer-Encoding: chunked");
    if (r < 0 || upload->token[0] == '\0')
        return r;
    if (asprintf(&authorization, "Authorization: Bearer %s", upload->token) < 0)
        return -ENOMEM;
    r = add_header(ret, authorization);
    free(authorization);
    return r;
}

static void set_options(CURL *curl, const fd_upload *upload, struct sending *sending,
                        struct curl_slist *headers) {
    curl_easy_setopt(curl, CURLOPT_URL, upload->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L); /* the token is for this daemon alone */
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_READDATA, sending);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_response);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, sending);
}

/* Goes on with sending when the file has something, or when a response is there. */
static void end_waiting(CURL *curl, struct sending *sending, const struct curl_waitfd *file) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    sending->is_ended = status >= 200;
    if (!sending->is_ended && file->revents == 0)
        return;
    sending->waits = false;
    (void)curl_easy_pause(curl, CURLPAUSE_CONT);
}

/* Waits for the connection and, while it has nothing to send, for the file. */
static CURLcode run(CURLM *multi, CURL *curl, struct sending *sending) {
    CURLMcode r = CURLM_OK;
    int running = 1, left;
    while (r == CURLM_OK && (r = curl_multi_perform(multi, &running)) == CURLM_OK && running > 0) {
        struct curl_waitfd file = {.fd = sending->input.descriptor, .events = CURL_WAIT_POLLIN};
        r = curl_multi_poll(multi, &file, sending->waits ? 1 : 0, WAIT_MILLISECONDS, NULL);
        if (r == CURLM_OK && sending->waits)
            end_waiting(curl, sending, &file);
    }
    const CURLMsg *message = curl_multi_info_read(multi, &left);
    if (message)
        return message->data.result;
    return r == CURLM_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_SEND_ERROR;
}

static CURLcode run_alone(CURL *curl, struct sending *sending) {
    CURLM *multi = curl_multi_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (multi && curl_multi_add_handle(multi, curl) == CURLM_OK) {
        code = run(multi, curl, sending);
        (void)curl_multi_remove_handle(multi, curl);
    }
    (void)curl_multi_cleanup(multi);
    return code;
}

static int perform(CURL *curl, fd_upload *upload, struct sending *sending) {
    CURLcode code = run_alone(curl, sending);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &upload->status);
    if (sending->error < 0)
        return sending->error;
    /* A daemon that refuses closes the connection, which may end the sending with an error. */
    if (sending->response.size > 0)
        upload->response = json_loadb(sending->response.bytes, sending->response.size, 0, NULL);
    if (upload->response && upload->status >= 200)
        return 0;
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        return fd_fault_set(sending->fault, -EIO, "", "there is no daemon at %s: %s", upload->url,
                            curl_easy_strerror(code));
    return fd_fault_set(sending->fault, -EIO, "",
                        "%s does not respond as fisherd does: %s; what it has stored is not "
                        "known, and to send the file again adds what is missing",
                        upload->url,
                        code != CURLE_OK ? curl_easy_strerror(code) : "there is no document");
}

int fd_upload_send(fd_upload *upload, fd_fault *fault) {
    FD_CLEANUP(sending_clear)
    struct sending sending = {.begin_ms = fd_wall_milliseconds(), .fault = fault};
    struct curl_slist *headers = NULL;
    int r = fd_import_input_open(upload->path, take_bytes, &sending, &sending.input, fault);
    if (r < 0)
        return r;
    CURL *curl = curl_easy_init();
    r = curl ? make_headers(upload, &headers) : -ENOMEM;
    if (r == 0) {
        set_options(curl, upload, &sending, headers);
        r = perform(curl, upload, &sending);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return r;
}
