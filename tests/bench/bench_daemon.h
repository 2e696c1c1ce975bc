/* A daemon with a database on disk, which trains when asked to, and a client with one connection.
 */
#ifndef BENCH_DAEMON_H
#define BENCH_DAEMON_H

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* ---- a daemon ---- */

static struct {
    pid_t process;
    FILE *log;
    char folder[64];
    uint16_t port;
    pthread_t reader;
} daemon_at;

static void remove_folder(const char *name) {
    DIR *folder = opendir(name);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        (void)closedir(folder);
    (void)rmdir(name);
}

static void clean_up(void) {
    if (daemon_at.process > 0)
        (void)kill(daemon_at.process, SIGKILL);
    remove_folder(daemon_at.folder);
}

static void start_daemon(const char *program) {
    char database[96];
    int ends[2];
    const char *where = getenv("BENCH_FOLDER");
    snprintf(daemon_at.folder, sizeof(daemon_at.folder), "%s/fisherd-bench-XXXXXX",
             where ? where : "/var/tmp");
    require(mkdtemp(daemon_at.folder) ? 0 : -errno, "a temporary folder");
    (void)atexit(clean_up);
    snprintf(database, sizeof(database), "%s/bench.db", daemon_at.folder);
    require(pipe(ends) < 0 ? -errno : 0, "a pipe");
    pid_t self = getpid();
    daemon_at.process = fork();
    require(daemon_at.process < 0 ? -errno : 0, "fork");
    if (daemon_at.process == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != self || dup2(ends[1], STDERR_FILENO) < 0)
            _exit(1);
        (void)close(ends[0]);
        (void)close(ends[1]);
        /* The stages ask for trainings. Each takes the same time, whatever the number of labels. */
        execl(program, program, "serve", "--db", database, "--listen", "127.0.0.1:0",
              "--retrain-labels", "1", "--iterations", "300", "--batch-size", "512", "--patience",
              "0", (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    daemon_at.log = fdopen(ends[0], "r");
    require(daemon_at.log ? 0 : -errno, "the log");
}

static void *read_log(void *context) {
    char line[1024];
    (void)context;
    while (fgets(line, sizeof(line), daemon_at.log))
        if (strstr(line, "level=error") || strstr(line, "level=warning"))
            fputs(line, stderr);
    return NULL;
}

static void wait_until_ready(void) {
    static const char before[] = "listening=http://127.0.0.1:";
    char line[1024];
    while (daemon_at.port == 0) {
        if (!fgets(line, sizeof(line), daemon_at.log)) {
            fprintf(stderr, "the daemon ended before it was ready\n");
            exit(1);
        }
        const char *found = strstr(line, before);
        if (found)
            daemon_at.port = (uint16_t)atoi(found + sizeof(before) - 1);
    }
    require(-pthread_create(&daemon_at.reader, NULL, read_log, NULL), "a thread");
}

/* Whether the daemon ended with status 0. */
static bool stop_daemon(void) {
    int status = 0;
    (void)kill(daemon_at.process, SIGTERM);
    bool ended = waitpid(daemon_at.process, &status, 0) == daemon_at.process;
    daemon_at.process = 0;
    (void)pthread_join(daemon_at.reader, NULL);
    (void)fclose(daemon_at.log);
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- a client ---- */

struct client {
    int socket;
    int status;
    char *response; /* headers and body of the last response, a string */
    size_t room;
    const char *body; /* in `response` */
};

static void client_open(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(daemon_at.port)};
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->room = 16 << 10;
    client->response = allocate(client->room, 1);
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 ||
        setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) < 0 ||
        connect(client->socket, (struct sockaddr *)&address, sizeof(address)) < 0)
        require(-errno, "a connection");
}

static void client_close(struct client *client) {
    (void)close(client->socket);
    free(client->response);
}

/* Appends to the `size` bytes that were received; the new size, or 0 if nothing came. */
static size_t receive(struct client *client, size_t size) {
    if (size + 1 >= client->room) {
        client->room *= 2;
        client->response = realloc(client->response, client->room);
        require(client->response ? 0 : -ENOMEM, "memory");
    }
    ssize_t got = recv(client->socket, client->response + size, client->room - size - 1, 0);
    if (got <= 0)
        return 0;
    client->response[size + (size_t)got] = '\0';
    return size + (size_t)got;
}

static bool receive_response(struct client *client) {
    static const char length_name[] = "\r\nContent-Length: ";
    size_t size = 0;
    const char *end = NULL;
    while (!end) {
        size = receive(client, size);
        if (size == 0)
            return false;
        end = strstr(client->response, "\r\n\r\n");
    }
    const char *length = strstr(client->response, length_name);
    if (!length || length > end || sscanf(client->response, "HTTP/1.1 %d", &client->status) != 1)
        return false;
    size_t head = (size_t)(end + 4 - client->response);
    size_t whole = head + strtoul(length + sizeof(length_name) - 1, NULL, 10);
    while (size < whole) {
        size = receive(client, size);
        if (size == 0)
            return false;
    }
    client->body = client->response + head;
    return true;
}

/* Whether a 2xx response came; the status is 0 without a response. */
static bool call(struct client *client, const char *method, const char *path, const char *body) {
    char head[256];
    size_t size = body ? strlen(body) : 0;
    int n = snprintf(head, sizeof(head),
                     body ? "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                            "\r\nContent-Length: %zu\r\n\r\n"
                          : "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     method, path, size);
    struct iovec parts[] = {{head, (size_t)n}, {(void *)(uintptr_t)body, size}};
    client->status = 0;
    client->body = "";
    return writev(client->socket, parts, 2) == (ssize_t)size + n && receive_response(client) &&
           client->status / 100 == 2;
}

static void must_call(struct client *client, const char *method, const char *path,
                      const char *body) {
    if (call(client, method, path, body))
        return;
    fprintf(stderr, "%s %s: %d %s\n", method, path, client->status, client->body);
    exit(1);
}

#endif
