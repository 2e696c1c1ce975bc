/* Idempotency-Key: a request that is repeated gets the response that it has had. */
#ifndef FD_IDEMPOTENCY_H
#define FD_IDEMPOTENCY_H

#include <pthread.h>
#include <stdbool.h>

#include "embedding_job_rows.h"
#include "macros.h"
#include "request.h"
#include "response.h"

enum { FD_IDEMPOTENCY_KEY_SIZE = 256 };

/* A key, while its request is being answered. */
typedef struct fd_held_key {
    const char *author;                /* the name of the token, or "" */
    char key[FD_IDEMPOTENCY_KEY_SIZE]; /* "": the request has none */
    unsigned char body_hash[FD_BODY_HASH_SIZE];
    struct fd_held_keys *keys; /* NULL: it is not held */
    struct fd_held_key *next;
} fd_held_key;

typedef struct fd_held_keys {
    pthread_mutex_t lock;
    fd_held_key *first; /* guarded by lock */
} fd_held_keys;

void fd_held_keys_open(fd_held_keys *keys);
void fd_held_keys_close(fd_held_keys *keys);

/* Reads the key of a request and holds it. False, with a response: 400 it is not one, 409 another
 * request that has it is being answered. */
bool fd_held_key_take(const fd_request *request, fd_held_key *ret,
                      fd_response *response) FD_MUST_CHECK;
void fd_held_key_release(fd_held_key *key);

/* Whether the client prefers a job to waiting for the response (RFC 7240). */
bool fd_prefers_job(const fd_request *request);

#endif
