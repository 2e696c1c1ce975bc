/* Starts the program that embeds texts, and talks to it in lines of JSON. */
#include "embedding_command.h"

#include <errno.h>
#include <fisher/model.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "descriptor.h"
#include "thread.h"

enum { READ_SIZE = 64 << 10, LINE_MAX_SIZE = FI_INPUTS_MAX * 40 + 1024, TICK_MILLISECONDS = 100 };

extern char **environ;

struct fd_embedding_command {
    char *command;
    size_t batch;
    double seconds;

    pthread_mutex_t lock;
    pthread_cond_t freed;
    bool is_busy; /* guarded by lock; who sets it owns all that follows */
    pid_t pid;    /* 0: it does not run */
    int socket;   /* its standard input and output */
    size_t dimension;
    char *line; /* [used] bytes that were read and are not a whole line yet */
    size_t used;
    size_t room;
};

int fd_embedding_command_open(const char *command, size_t batch, double seconds,
                              fd_embedding_command **ret) {
    fd_embedding_command *opened = calloc(1, sizeof(*opened));
    if (!opened || !(opened->command = strdup(command))) {
        free(opened);
        return -ENOMEM;
    }
    opened->batch = batch;
    opened->seconds = seconds;
    opened->socket = -1;
    (void)pthread_mutex_init(&opened->lock, NULL);
    fd_condition_init(&opened->freed);
    *ret = opened;
    return 0;
}

/* ---- the process ---- */

static void end_process(fd_embedding_command *command) {
    if (command->socket >= 0)
        (void)close(command->socket);
    command->socket = -1;
    command->used = 0;
    if (command->pid <= 0)
        return;
    (void)kill(-command->pid, SIGKILL);
    while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    command->pid = 0;
}

void fd_embedding_command_close(fd_embedding_command *command) {
    end_process(command);
    (void)pthread_cond_destroy(&command->freed);
    (void)pthread_mutex_destroy(&command->lock);
    free(command->line);
    free(command->command);
    free(command);
}

/* A process group of its own, so that all of a pipeline ends; signals as a program expects them. */
static int spawn(fd_embedding_command *command, int end) {
    char *const arguments[] = {(char[]){"sh"}, (char[]){"-c"}, command->command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawnattr_init(&attributes);
    if (r == 0) {
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                        POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setpgroup(&attributes, 0);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        r = posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO);
        if (r == 0)
            r = posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO);
        if (r == 0)
            r = posix_spawn(&command->pid, "/bin/sh", &actions, &attributes, arguments, environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* A socket, because writing to a pipe whose reader has ended would be a signal. */
static int start_process(fd_embedding_command *command, fd_fault *fault) {
    int ends[2];
    if (command->pid > 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -ENOMEM;
    FD_CLOSE int end = ends[1];
    command->socket = ends[0];
    int r = spawn(command, end);
    if (r == 0)
        return 0;
    command->pid = 0;
    end_process(command);
    return fd_fault_set(fault, -EAGAIN, "", "embedding-command cannot be started: %s",
                        strerror(-r));
}

/* ---- a batch ---- */

struct exchange {
    fd_embedding_command *command;
    const fd_patience *patience;
    char *input; /* [size], of which `sent` bytes are sent */
    size_t size;
    size_t sent;
    bool *seen; /* [n] */
    size_t n;
    size_t received;
    double last; /* when the program was heard last */
    fd_vectors vectors;
    fd_fault *fault;
};

static void exchange_clear(struct exchange *exchange) {
    free(exchange->input);
    free(exchange->seen);
    free(exchange->vectors.values);
}

static int print_batch(struct exchange *exchange, const char *const *texts) {
    FILE *out = open_memstream(&exchange->input, &exchange->size);
    bool failed = !out;
    for (size_t i = 0; i < exchange->n && !failed; i++) {
        json_t *line = json_pack("{s:I, s:s}", "id", (json_int_t)i, "text", texts[i]);
        failed = !line || json_dumpf(line, out, JSON_COMPACT) < 0 || fputc('\n', out) == EOF;
        json_decref(line);
    }
    if (out && (fputc('\n', out) == EOF || fclose(out) != 0))
        failed = true;
    exchange->seen = calloc(exchange->n, sizeof(*exchange->seen));
    return failed || !exchange->seen ? -ENOMEM : 0;
}

static int read_line(struct exchange *exchange, const char *line, size_t size) {
    json_t *root = NULL;
    if (size == 0)
        return 0;
    int r = fd_embedding_json_parse(line, size, "of embedding-command", &root, exchange->fault);
    if (r < 0)
        return r;
    const json_t *id = json_object_get(root, "id");
    json_int_t place = json_integer_value(id);
    if (!json_is_integer(id) || place < 0 || (size_t)place >= exchange->n || exchange->seen[place])
        r = fd_fault_set(exchange->fault, -EPROTO, "",
                         "embedding-command answered with an id that it was not asked for");
    else {
        exchange->seen[place] = true;
        exchange->received++;
        r = fd_vectors_read(&exchange->vectors, exchange->n, (size_t)place,
                            json_object_get(root, "embedding"), exchange->fault);
    }
    json_decref(root);
    return r;
}

static int read_lines(struct exchange *exchange) {
    fd_embedding_command *command = exchange->command;
    size_t begin = 0;
    int r = 0;
    for (char *end; r == 0 && (end = memchr(command->line + begin, '\n', command->used - begin));
         begin = (size_t)(end - command->line) + 1)
        r = read_line(exchange, command->line + begin, (size_t)(end - command->line) - begin);
    if (r == 0 && begin > 0) {
        command->used -= begin;
        memmove(command->line, command->line + begin, command->used);
    }
    return r;
}

static int receive(struct exchange *exchange) {
    fd_embedding_command *command = exchange->command;
    if (command->room - command->used < READ_SIZE) {
        size_t room = 2 * command->room + READ_SIZE;
        char *larger = realloc(command->line, room);
        if (!larger)
            return -ENOMEM;
        command->line = larger;
        command->room = room;
    }
    ssize_t got = recv(command->socket, command->line + command->used, READ_SIZE, MSG_DONTWAIT);
    if (got < 0)
        got = errno == EAGAIN || errno == EINTR ? -1 : 0;
    if (got == 0)
        return fd_fault_set(exchange->fault, -EAGAIN, "",
                            "embedding-command has ended before it answered");
    if (got < 0)
        return 0;
    command->used += (size_t)got;
    exchange->last = fd_monotonic_seconds();
    int r = read_lines(exchange);
    if (r == 0 && command->used > LINE_MAX_SIZE)
        r = fd_fault_set(exchange->fault, -EPROTO, "", "a line of embedding-command is too long");
    return r;
}

static int send_some(struct exchange *exchange) {
    ssize_t put = send(exchange->command->socket, exchange->input + exchange->sent,
                       exchange->size - exchange->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
        exchange->sent += (size_t)put;
    return 0; /* a program that has ended is found by reading */
}

static int check_patience(const struct exchange *exchange) {
    const fd_patience *patience = exchange->patience;
    double now = fd_monotonic_seconds();
    if (patience->go_on && !patience->go_on(patience->context))
        return -ECANCELED;
    if ((patience->deadline > 0 && now > patience->deadline) ||
        now > exchange->last + exchange->command->seconds)
        return fd_fault_set(exchange->fault, -EAGAIN, "",
                            "embedding-command did not answer in time");
    return 0;
}

static int step(struct exchange *exchange) {
    short writes = exchange->sent < exchange->size ? POLLOUT : 0;
    struct pollfd ready = {.fd = exchange->command->socket, .events = (short)(POLLIN | writes)};
    int r = check_patience(exchange);
    if (r < 0 || poll(&ready, 1, TICK_MILLISECONDS) <= 0)
        return r;
    if ((ready.revents & POLLOUT) != 0)
        r = send_some(exchange);
    if (r == 0 && (ready.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        r = receive(exchange);
    return r;
}

/* values [n x dimension], made with the first batch. */
static int ask_batch(fd_embedding_command *command, const char *const *texts, size_t n,
                     const fd_patience *patience, fd_vectors *ret, fd_fault *fault) {
    FD_CLEANUP(exchange_clear)
    struct exchange exchange = {
        .command = command,
        .patience = patience,
        .n = n,
        .last = fd_monotonic_seconds(),
        .vectors.dimension = command->dimension,
        .fault = fault,
    };
    int r = print_batch(&exchange, texts);
    if (r == 0)
        r = start_process(command, fault);
    while (r == 0 && exchange.received < n)
        r = step(&exchange);
    if (r < 0)
        return r;
    command->dimension = exchange.vectors.dimension;
    *ret = exchange.vectors;
    exchange.vectors.values = NULL;
    return 0;
}

/* ---- all batches ---- */

static int begin(fd_embedding_command *command, const fd_patience *patience) {
    FD_LOCKED(&command->lock);
    while (command->is_busy) {
        fd_condition_wait_for(&command->freed, &command->lock, TICK_MILLISECONDS / 1e3);
        if (patience->go_on && !patience->go_on(patience->context))
            return -ECANCELED;
        if (patience->deadline > 0 && fd_monotonic_seconds() > patience->deadline)
            return -EAGAIN;
    }
    command->is_busy = true;
    return 0;
}

static void end(fd_embedding_command *command) {
    FD_LOCKED(&command->lock);
    command->is_busy = false;
    (void)pthread_cond_signal(&command->freed);
}

static int ask_all(fd_embedding_command *command, const char *const *texts, size_t n,
                   const fd_patience *patience, float **values, fd_fault *fault) {
    int r = 0;
    for (size_t first = 0; first < n && r == 0; first += command->batch) {
        size_t count = n - first < command->batch ? n - first : command->batch;
        fd_vectors batch = {0};
        r = ask_batch(command, texts + first, count, patience, &batch, fault);
        FD_FREE float *given = batch.values;
        if (r == 0 && !*values)
            *values = reallocarray(NULL, n, batch.dimension * sizeof(float));
        if (r == 0 && !*values)
            r = -ENOMEM;
        if (r == 0)
            memcpy(*values + first * batch.dimension, given,
                   count * batch.dimension * sizeof(float));
    }
    return r;
}

int fd_embedding_command_ask(fd_embedding_command *command, const char *const *texts, size_t n,
                             const fd_patience *patience, fd_vectors *ret, fd_fault *fault) {
    FD_FREE float *values = NULL;
    int r = begin(command, patience);
    if (r == -EAGAIN)
        return fd_fault_set(fault, r, "", "embedding-command was busy for all of the time");
    if (r < 0)
        return r;
    r = ask_all(command, texts, n, patience, &values, fault);
    if (r == 0)
        *ret = (fd_vectors){FD_STEAL(values), command->dimension};
    else
        end_process(command);
    end(command);
    return r;
}
