/*
 * A client of a server of embeddings, by `POST /v1/embeddings` as OpenAI defined it.
 *
 * Threads: any number at once.
 */
#ifndef FD_EMBEDDING_SERVER_H
#define FD_EMBEDDING_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "embedding_reply.h"
#include "fault.h"
#include "macros.h"

typedef struct fd_embedding_server fd_embedding_server;

typedef struct fd_embedding_server_options {
    const char *url; /* with or without /v1 and /embeddings */
    const char *model;
    const char *key; /* "": none */
    bool base64;
    size_t batch;    /* texts of a request, at most */
    size_t requests; /* at once, of all threads */
    double seconds;  /* of a request, at most */
    unsigned retries;
} fd_embedding_server_options;

/* How long a caller waits. */
typedef struct fd_patience {
    double deadline;              /* of fd_monotonic_seconds; 0: none */
    bool (*go_on)(void *context); /* false: stop; NULL: go on */
    void *context;
} fd_patience;

/* -EINVAL with a fault for a URL or a key that cannot be used; -ENOMEM. Nothing is sent. */
int fd_embedding_server_open(const fd_embedding_server_options *options, fd_embedding_server **ret,
                             fd_fault *fault) FD_MUST_CHECK;
void fd_embedding_server_close(fd_embedding_server *server);
FD_DEFINE_CLEANUP(fd_embedding_server, fd_embedding_server_close)

/* -EINVAL with a fault unless the text is http://HOST… or https://HOST…, without user, query and
 * fragment. */
int fd_embedding_url_check(const char *url, fd_fault *fault) FD_MUST_CHECK;

/* The vectors of n (at least 1) texts that are not empty. With a fault: -EAGAIN the server cannot
 * be used now, or not within the deadline; -EPROTO its answer is wrong, or it refuses. -ECANCELED
 * the caller gave up. -ENOMEM. The caller frees ret->values. */
int fd_embedding_server_ask(fd_embedding_server *server, const char *const *texts, size_t n,
                            const fd_patience *patience, fd_vectors *ret,
                            fd_fault *fault) FD_MUST_CHECK;

#endif
