/* A request as the handlers see it: complete, well-formed and authenticated. */
#ifndef FD_REQUEST_H
#define FD_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "access.h"
#include "client_address.h"
#include "embedder.h"
#include "embedding_jobs.h"
#include "engine.h"
#include "fault.h"
#include "identity.h"
#include "json_path.h"
#include "limiter.h"
#include "macros.h"
#include "queries.h"

/* Of a route whose body is streamed: its handler is called at each of these. */
typedef enum fd_stream_step {
    FD_STREAM_BEGINS,     /* the headers are there; a response refuses the request */
    FD_STREAM_PIECE,      /* `body` is the next piece; a response ends the request */
    FD_STREAM_ENDS,       /* the body has arrived; a response must be given, as in the next */
    FD_STREAM_BREAKS_OFF, /* it will not arrive */
} fd_stream_step;

typedef struct fd_stream {
    fd_stream_step step;
    unsigned status;           /* why it breaks off, as the status and the words of a refusal */
    const char *detail;        /* static text */
    void *state;               /* the handler's own */
    void (*free)(void *state); /* NULL: there is nothing to free */
} fd_stream;

typedef struct fd_request {
    fd_engine *engine;
    fd_access *access;     /* NULL: there are no tokens */
    fd_embedder *embedder; /* NULL: texts are not embedded */
    const fd_client *client;
    const fd_identity *identity; /* at least of the route's role */
    const char *version;         /* of the program */
    const char *id;              /* the {id} of the route's path, decoded; NULL without one */
    const char *if_match;        /* header; NULL without one, as the next */
    const char *if_none_match;
    const char *prefer;
    const char *idempotency_key;
    struct fd_embedding_worker *embedding_worker;
    struct fd_re_embedding_worker *re_embedding_worker;
    struct fd_held_keys *held_keys; /* idempotency keys of requests that are being answered */
    const fd_embedding_job_limits *embedding_job_limits;
    const char *score_metadata; /* keys of metadata that are scores, as a list */
    fd_query query;
    fd_more_faults *more_faults; /* for a handler's fault, so that it collects all of a body */
    const char *body;            /* [body_size], not terminated; empty without a body */
    size_t body_size;
    bool has_lines;      /* the body is JSON lines (application/x-ndjson), not JSON */
    fd_limiter *waits;   /* clients that wait for events */
    double longest_wait; /* seconds */
    fd_stream *stream;   /* NULL: `body` is the whole body */
    size_t page_bytes;   /* most bytes of a list's rows, so that several fit the memory budget */
    /* Takes bytes from the memory budget until the response is sent; false if they are not left.
     * JSON is counted without asking. */
    bool (*take_memory)(void *context, size_t bytes);
    /* Gives back bytes that were taken, before the response. */
    void (*give_back_memory)(void *context, size_t bytes);
    /* Whether the client still waits for the response; for work that takes long. */
    bool (*is_awaited)(void *context);
    void *await_context; /* of these functions */
} fd_request;

/* The only annotator that the request may act for; NULL: any annotator. */
const char *fd_request_bound_to(const fd_request *request);

/* Checks which annotator the object `at` of a body acts for: *annotator is its member "annotator".
 * NULL is filled in for a token that is bound to a name, and is a fault (-EINVAL) for others.
 * -EPERM, with a fault, where the token is bound to another name. */
int fd_request_check_annotator(const fd_request *request, const fd_path *at, const char **annotator,
                               fd_fault *fault) FD_MUST_CHECK;

/* Takes memory for what the handler is about to build. -EBUSY, with a fault, where it is not left.
 */
int fd_request_take_memory(const fd_request *request, size_t bytes, fd_fault *fault) FD_MUST_CHECK;

#endif
