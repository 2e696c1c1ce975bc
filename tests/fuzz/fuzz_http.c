/*
 * Raw bytes to the whole server, with all its routes, over a socket pair. libmicrohttpd runs in the
 * fuzzer's own thread: fd_server_start asks for threads, and a wrapper changes the flags. Whatever
 * comes in, a sequence of well-formed responses goes out, the connection ends once the peer has
 * closed its side, and the next connection is served. An upgrade is never taken, and ends the
 * connection after a request with a body; a compressed body is never read; and the absolute form of
 * a target gets the response of its path.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api.h"
#include "framing.h"
#include "fuzz.h"
#include "json_tree.h"
#include "macros.h"
#include "server_state.h"

/* The linker replaces MHD_start_daemon by this. */
struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port,
                                           MHD_AcceptPolicyCallback policy, void *policy_context,
                                           MHD_AccessHandlerCallback handler, void *context, ...);

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port,
                                           MHD_AcceptPolicyCallback policy, void *policy_context,
                                           MHD_AccessHandlerCallback handler, void *context, ...) {
    va_list options;
    va_start(options, context);
    struct MHD_Daemon *daemon =
        MHD_start_daemon_va((flags & MHD_USE_ERROR_LOG) | MHD_USE_EPOLL, port, policy,
                            policy_context, handler, context, options);
    va_end(options);
    return daemon;
}

/* ---- the daemon ---- */

enum { HEAD_MAX = 16 << 10 };

static struct world {
    fd_engine *engine;
    fd_api *api;
    fd_server *server;
} world;

static void world_open(void) {
    const fd_api_options api_options = {
        .selection_queue = 4,
        .transfer_queue = 4,
        .body_size = 64 << 20,
        .request_memory = 512 << 20,
        .memory = 1024 << 20,
        .version = "0",
    };
    const fd_server_options options = {
        .host = "127.0.0.1",
        .connections = 16,
        .idle_seconds = 60,
        .head_size = HEAD_MAX,
        .request_seconds = 60,
        .memory = 1024 << 20,
        .send_seconds = 60,
        .stream_rate = 1,
        .stream_seconds = 60,
        .trusted_proxies = "127.0.0.2",
    };
    fd_fault fault = {0};
    world.engine = fuzz_engine_open();
    int r = fd_api_open(&api_options, world.engine, &world.api);
    assert(r == 0);
    const fd_server_hooks hooks = fd_api_hooks(world.api);
    r = fd_server_start(&options, &hooks, fd_engine_metrics(world.engine), &world.server, &fault);
    assert(r == 0);
}

static void world_close(void) {
    fd_engine_interrupt(world.engine);
    fd_server_stop(world.server, 0);
    fd_api_close(world.api);
    fd_engine_close(world.engine);
}

/* Starts again now and then: an input sees what the inputs before it left behind. */
static void world_renew(void) {
    static unsigned inputs;
    if (++inputs % 1024 > 0)
        return;
    world_close();
    world_open();
}

/* ---- one connection ---- */

static struct received {
    char *bytes;
    size_t size, room;
} received;

/* Of the peer: 127.0.0.2, a trusted proxy, where it names a client. */
static struct in_addr address_for(const uint8_t *data, size_t size) {
    static const char name[] = "X-Forwarded-For";
    bool names_client = memmem(data, size, name, sizeof(name) - 1) != NULL;
    return (struct in_addr){htonl(names_client ? 0x7f000002 : 0x7f000001)};
}

static int connect_to_server(struct in_addr from) {
    int ends[2];
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = from};
    int r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
    assert(r == 0);
    enum MHD_Result added = MHD_add_connection(world.server->daemon, ends[1],
                                               (const struct sockaddr *)&address, sizeof(address));
    assert(added == MHD_YES);
    return ends[0];
}

/* Receives what has arrived; false at the end of the stream. */
static bool receive(int fd, bool *ret_more) {
    if (received.room - received.size < 4096) {
        received.room = received.room * 2 + 65536;
        received.bytes = realloc(received.bytes, received.room);
        assert(received.bytes);
    }
    ssize_t got =
        recv(fd, received.bytes + received.size, received.room - received.size - 1, MSG_DONTWAIT);
    *ret_more = got > 0;
    received.size += got > 0 ? (size_t)got : 0;
    received.bytes[received.size] = '\0';
    return got > 0 || (got < 0 && errno == EAGAIN);
}

/* Sends the bytes, and receives until the server closes the connection. */
static void exchange(const uint8_t *data, size_t size) {
    int fd = connect_to_server(address_for(data, size));
    received.size = 0;
    ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    assert(sent == (ssize_t)size); /* inputs are small */
    bool more = true, closed = false;
    for (unsigned idle = 0; idle < 100000;) {
        (void)MHD_run(world.server->daemon);
        if (!receive(fd, &more))
            break;
        idle = more ? 0 : idle + 1;
        if (idle > 1 && !closed) {
            (void)shutdown(fd, SHUT_WR);
            closed = true;
        }
        assert(idle < 99999); /* it hangs */
    }
    (void)close(fd);
    (void)MHD_run(world.server->daemon);
}

/* ---- responses ---- */

/* The value of a header, or NULL. Asserts that there are not two. */
static const char *header(const char *head, const char *end, const char *name, size_t *ret_length) {
    const char *found = NULL;
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n") + 2; line < end; line = strstr(line, "\r\n") + 2) {
        assert(strcspn(line, "\r\n") > 0);
        const char *colon = strchr(line, ':');
        assert(colon && colon < end && colon[1] == ' ');
        if ((size_t)(colon - line) != length || strncasecmp(line, name, length) != 0)
            continue;
        assert(!found);
        found = colon + 2;
        *ret_length = strcspn(found, "\r");
    }
    return found;
}

static void check_body(const char *head, const char *end, unsigned status, const char *body,
                       size_t size) {
    size_t length = 0;
    const char *type = header(head, end, "Content-Type", &length);
    bool is_problem = type && strncmp(type, "application/problem+json", length) == 0;
    assert(type && is_problem == (status >= 400));
    if (!is_problem)
        return;
    FD_JSON json_t *problem = json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
    assert(json_integer_value(json_object_get(problem, "status")) == (json_int_t)status);
    assert(json_string_length(json_object_get(problem, "detail")) > 0);
}

/* Checks one response and returns what follows it. */
static const char *check_response(const char *at, unsigned *ret_status, bool *ret_closes) {
    unsigned status = 0;
    char version;
    const char *end = strstr(at, "\r\n\r\n");
    assert(end && sscanf(at, "HTTP/1.%c %3u ", &version, &status) == 2);
    end += 2;
    const char *body = end + 2;
    assert(status >= 100 && status < 600 && status != 500 && status != 101);
    *ret_status = status;
    if (status == 100)
        return body;
    size_t length = 0;
    const char *connection = header(at, end, "Connection", &length);
    *ret_closes = connection && strncasecmp(connection, "close", 5) == 0;
    assert(header(at, end, "X-Request-Id", &length));
    const char *digits = header(at, end, "Content-Length", &length);
    size_t size = digits ? strtoul(digits, NULL, 10) : 0;
    assert(digits || status == 204 || status == 304);
    size_t left = received.size - (size_t)(body - received.bytes);
    /* A response to HEAD has a length but no body. Bodies never begin like a response. */
    if (status == 304 || left == 0 || strncmp(body, "HTTP/1.", 7) == 0)
        return body;
    assert(left >= size);
    check_body(at, end, status, body, size);
    return body + size;
}

/* There is one response for each request that the framing finds, and one for what it refuses,
 * unless an earlier response says that it is the last. */
static void check_responses(const uint8_t *data, size_t size) {
    fd_framing framing = {.head_max = HEAD_MAX};
    size_t n = 0, ended;
    bool closes = false, refused = !fd_framing_read(&framing, (const char *)data, size, &ended);
    for (const char *at = received.bytes; at < received.bytes + received.size;) {
        unsigned status = 0;
        assert(!closes);
        at = check_response(at, &status, &closes);
        n += status != 100;
        assert(!refused || n <= framing.requests || status == framing.status);
    }
    assert(closes ? n <= framing.requests + 1 : n == framing.requests + refused);
}

/* ---- what the first request asks for ---- */

struct first {
    const char *head;
    size_t size;  /* of the head, with its empty line */
    bool is_only; /* it is all there is */
    bool has_body, has_upgrade, is_compressed;
};

static const char *line_end(const char *line, const char *end) {
    return memmem(line, (size_t)(end - line), "\r\n", 2);
}

/* The value of a header of the first request, without blanks around it; or NULL. */
static const char *asked(const struct first *first, const char *name, size_t *ret_length) {
    const char *end = first->head + first->size;
    size_t length = strlen(name);
    for (const char *line = line_end(first->head, end) + 2; line < end - 2;
         line = line_end(line, end) + 2) {
        const char *stop = line_end(line, end), *value = line + length + 1;
        if (value > stop || strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        while (value < stop && isblank((unsigned char)*value))
            value++;
        while (stop > value && isblank((unsigned char)stop[-1]))
            stop--;
        *ret_length = (size_t)(stop - value);
        return value;
    }
    return NULL;
}

/* False unless the framing takes the head and all of the body, at the beginning of the bytes. */
static bool read_first(const char *bytes, size_t size, struct first *ret) {
    fd_framing framing = {.head_max = HEAD_MAX};
    size_t ended, length;
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end || !isupper((unsigned char)bytes[0]) ||
        !fd_framing_read(&framing, bytes, size, &ended) || framing.requests == 0)
        return false;
    *ret = (struct first){.head = bytes,
                          .size = (size_t)(end - bytes) + 4,
                          .is_only = framing.requests == 1 && ended == size};
    const char *value = asked(ret, "Content-Length", &length);
    ret->has_body =
        (value && strtoul(value, NULL, 10) > 0) || asked(ret, "Transfer-Encoding", &length) != NULL;
    ret->has_upgrade = asked(ret, "Upgrade", &length) != NULL;
    value = asked(ret, "Content-Encoding", &length);
    ret->is_compressed =
        value && (length != strlen("identity") || strncasecmp(value, "identity", length) != 0);
    return true;
}

/* The final response to the first request; false if there is none. */
static bool first_response(const char **ret_head, unsigned *ret_status, bool *ret_closes) {
    const char *at = received.bytes;
    *ret_status = 100;
    while (at < received.bytes + received.size && *ret_status == 100) {
        *ret_head = at;
        at = check_response(at, ret_status, ret_closes);
    }
    return *ret_status != 100;
}

static void check_first(const struct first *first) {
    const char *head;
    unsigned status;
    bool closes = false;
    size_t length;
    if (!first_response(&head, &status, &closes))
        return;
    if (first->has_upgrade && first->has_body)
        assert(closes);
    if (first->is_compressed && first->has_body) /* only imports take it */
        assert(status >= 400 || strstr(head, "\"dry_run\":"));
    if (status == 415 && strstr(head, "Content-Encoding)"))
        assert(header(head, strstr(head, "\r\n\r\n") + 2, "Accept-Encoding", &length));
}

/* The target in absolute form becomes a path; false for another form. Only for GET without a body,
 * which changes nothing. */
static bool to_path(const struct first *first, char *request, size_t *ret_size) {
    static const char start[] = "GET http://localhost/", path[] = "GET /";
    size_t size = sizeof(start) - 1;
    if (!first->is_only || first->has_body || first->size <= size ||
        memcmp(first->head, start, size) != 0)
        return false;
    memcpy(request, path, sizeof(path) - 1);
    memcpy(request + sizeof(path) - 1, first->head + size, first->size - size);
    *ret_size = first->size - size + sizeof(path) - 1;
    return true;
}

/* Both forms get the same status. */
static void check_absolute(const struct first *first) {
    static char request[HEAD_MAX];
    const char *head;
    unsigned absolute, plain;
    bool closes;
    size_t size;
    if (first->size > HEAD_MAX || !to_path(first, request, &size) ||
        !first_response(&head, &absolute, &closes))
        return;
    exchange((const uint8_t *)request, size);
    if (first_response(&head, &plain, &closes))
        assert(plain == absolute);
}

static void check_alive(void) {
    static const char request[] = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    exchange((const uint8_t *)request, sizeof(request) - 1);
    assert(strncmp(received.bytes, "HTTP/1.1 200 ", 13) == 0);
    check_responses((const uint8_t *)request, sizeof(request) - 1);
    assert(!world.server->slots.all);
    assert(world.server->running == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static unsigned inputs;
    if (!world.engine) {
        fuzz_be_quiet();
        world_open();
    }
    if (size > 16384)
        return 0;
    exchange(data, size);
    check_responses(data, size);
    struct first first;
    if (read_first((const char *)data, size, &first)) {
        check_first(&first);
        check_absolute(&first);
    }
    if (++inputs % 16 == 1)
        check_alive();
    world_renew();
    return 0;
}
