/*
 * The embedder: turns the texts of items into vectors, by a server of embeddings by a program, or
 * by the hashing embedder. Where it asks comes from the configuration alone, never from a request.
 *
 * Threads: any number at once.
 */
#ifndef FD_EMBEDDER_H
#define FD_EMBEDDER_H

#include <stdbool.h>
#include <stddef.h>

#include "embedding_reply.h"
#include "embedding_server.h"
#include "fault.h"
#include "macros.h"

#define FD_EMBEDDER_BUILTIN "builtin:hash"

enum { FD_EMBEDDER_PROBES = 3 };

typedef struct fd_embedder fd_embedder;

typedef struct fd_embedder_options {
    const char *url;      /* of a server, or FD_EMBEDDER_BUILTIN; "": none */
    const char *command;  /* a program in its place; "": none */
    const char *model;    /* that the server shall use */
    const char *key_file; /* "": none */
    const char *template; /* as embedding_template.h says */
    bool base64;          /* ask the server for base64 */
    size_t batch;
    size_t requests;
    double seconds;
    unsigned retries;
} fd_embedder_options;

/* The texts of an item; NULL and "" are empty. */
typedef struct fd_embedder_texts {
    const char *prompt;
    const char *response;
} fd_embedder_texts;

/* Who made vectors. The probes are the vectors of fixed texts: two embedders that give the same are
 * the same, whatever they are called. */
typedef struct fd_embedder_identity {
    const char *name; /* the model, the command, or FD_EMBEDDER_BUILTIN */
    const char *template;
    size_t dimension;
    size_t n_probes;
    const float *probes; /* [n_probes x dimension] */
} fd_embedder_identity;

/* *ret is NULL if no embedder is configured. Nothing is sent. With a fault: -EINVAL options that
 * are wrong or do not fit, and what fd_secret_read says of the key; -ENOMEM. */
int fd_embedder_open(const fd_embedder_options *options, fd_embedder **ret,
                     fd_fault *fault) FD_MUST_CHECK;
void fd_embedder_close(fd_embedder *embedder);
FD_DEFINE_CLEANUP(fd_embedder, fd_embedder_close)

/* Whether the first half of a vector comes from the prompt alone and the second from the response
 * alone. */
bool fd_embedder_is_apart(const fd_embedder *embedder);

/* The seconds that one request to the server may take. */
double fd_embedder_seconds(const fd_embedder *embedder);

/* The embedder's identity, which lives as long as it does. The first call embeds the probes. Errors
 * as fd_embedder_embed. */
int fd_embedder_identify(fd_embedder *embedder, const fd_patience *patience,
                         fd_embedder_identity *ret, fd_fault *fault) FD_MUST_CHECK;

/* -EEXIST with a fault that names both unless the embedder is the one that is stored. */
int fd_embedder_compare(const fd_embedder_identity *embedder, const fd_embedder_identity *stored,
                        fd_fault *fault) FD_MUST_CHECK;

/* The vectors of n (at least 1) items; each has a response. With a fault: -EAGAIN the embedder
 * cannot be used now; -EPROTO its answer is wrong, or it refuses; -ECANCELED the caller gave up;
 * -ENOMEM. The caller frees ret->values. */
int fd_embedder_embed(fd_embedder *embedder, const fd_embedder_texts *items, size_t n,
                      const fd_patience *patience, fd_vectors *ret, fd_fault *fault) FD_MUST_CHECK;

#endif
