/* Rows of embedding jobs: items whose texts a request left to be embedded. */
#ifndef FD_EMBEDDING_JOB_ROWS_H
#define FD_EMBEDDING_JOB_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fd_embedding_job_state {
    FD_EMBEDDING_JOB_QUEUED,
    FD_EMBEDDING_JOB_RUNNING,
    FD_EMBEDDING_JOB_DONE, /* it has ended, as have those below */
    FD_EMBEDDING_JOB_FAILED,
    FD_EMBEDDING_JOB_CANCELLED,
} fd_embedding_job_state;

const char *fd_embedding_job_state_name(fd_embedding_job_state state);
int fd_embedding_job_state_parse(const char *name, fd_embedding_job_state *ret);

enum { FD_BODY_HASH_SIZE = 32 };

/* What a request left to be embedded, and what became of it. */
typedef struct fd_embedding_job_row {
    int64_t sequence;   /* from 1, in the order of arrival; set by the store */
    const char *id;     /* of the job, drawn at random */
    const char *author; /* the name of a token, or "" */
    const char *key;    /* the author's idempotency key, or NULL */
    unsigned char body_hash[FD_BODY_HASH_SIZE];
    bool immediate; /* the request was answered at once; it has no items */
    fd_embedding_job_state state;
    uint64_t items;
    uint64_t bytes;      /* of the contents of the items */
    uint64_t total;      /* texts to embed */
    uint64_t done;       /* of them */
    uint64_t created;    /* items that it added */
    uint64_t unchanged;  /* items that were there */
    const char *error;   /* NULL: there is none */
    int64_t embedder_ms; /* created_ms of the embedder that made the vectors */
    int64_t created_ms;  /* times are -1 while they are unknown */
    int64_t started_ms;
    int64_t finished_ms;
} fd_embedding_job_row;

/* An item of an embedding job that has not ended. */
typedef struct fd_embedding_job_item {
    uint32_t place;      /* from 0, as in the request */
    bool wanted;         /* its texts are to be embedded */
    const char *content; /* JSON text */
    const float *vector; /* NULL: it is not made yet */
    size_t dimension;
} fd_embedding_job_item;

typedef int fd_embedding_job_visit(void *context, const fd_embedding_job_row *row);
typedef int fd_embedding_job_item_visit(void *context, const fd_embedding_job_item *item);

#endif
