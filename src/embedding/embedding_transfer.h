/* One request to a server of embeddings: made, sent by a multi handle of libcurl, and judged. */
#ifndef FD_EMBEDDING_TRANSFER_H
#define FD_EMBEDDING_TRANSFER_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"

/* What all requests to a server have in common. */
typedef struct fd_embedding_endpoint {
    char *url; /* of /v1/embeddings itself */
    char *model;
    struct curl_slist *headers; /* with the key */
    char *key;                  /* "": none */
    bool base64;                /* ask for base64 */
} fd_embedding_endpoint;

/* A batch of texts. */
typedef struct fd_embedding_transfer {
    const char *const *texts; /* [n], borrowed */
    size_t n;
    CURL *curl; /* NULL: it does not run */
    char *body;
    char *reply; /* [size] */
    size_t size;
    size_t room;
    size_t most; /* bytes of the reply */
    bool is_too_large;
    unsigned attempts;
    double not_before; /* monotonic seconds */
    bool is_done;
} fd_embedding_transfer;

/* Begins an attempt, which may take `seconds`. `dimension` bounds the reply; 0: not known. */
int fd_embedding_transfer_start(fd_embedding_transfer *transfer,
                                const fd_embedding_endpoint *endpoint, CURLM *multi,
                                size_t dimension, double seconds) FD_MUST_CHECK;

/*
 * Judges an attempt that has ended. 0: the reply may be read. With a fault: -EAGAIN it may be tried
 * again, after *ret_wait seconds if the server says so (else -1); -EPROTO it must not be.
 */
int fd_embedding_transfer_judge(const fd_embedding_transfer *transfer,
                                const fd_embedding_endpoint *endpoint, CURLcode code,
                                double *ret_wait, fd_fault *fault) FD_MUST_CHECK;

/* Ends the attempt and frees what it needed. */
void fd_embedding_transfer_end(fd_embedding_transfer *transfer, CURLM *multi);

#endif
