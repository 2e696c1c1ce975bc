/*
 * The API, on top of the server: routes (routes.def), authentication, limits, and the handlers that
 * call the engine.
 */
#ifndef FD_API_H
#define FD_API_H

#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "embedder.h"
#include "embedding_jobs.h"
#include "engine.h"
#include "macros.h"
#include "server.h"

typedef struct fd_api fd_api;

typedef struct fd_api_options {
    uint32_t requests_at_once;   /* 0: any number */
    uint32_t selections_at_once; /* 0: as many as there are processors */
    uint32_t selection_queue;    /* selections that may wait */
    uint32_t transfers_at_once;  /* large bodies read, and long responses written; 0 as above */
    uint32_t transfer_queue;
    uint32_t imports_at_once; /* 0 as above */
    uint32_t import_queue;
    uint32_t waiting_clients; /* most that wait for events at once; 0: nobody waits */
    double longest_wait;      /* seconds of such a wait */
    size_t body_size;         /* most bytes of a body; a route may have a lower limit */
    size_t request_memory;    /* most bytes of memory to read one body */
    size_t memory;            /* most bytes that requests take together, as the server has it */
    fd_access *access;        /* outlives the API; NULL: everyone is admin */
    fd_embedder *embedder;    /* outlives the API; NULL: texts are not embedded */
    fd_embedding_job_limits embedding_jobs;
    const char *cors_origins;   /* a list that fd_origins_check accepts; NULL: none */
    const char *version;        /* of the program */
    const char *score_metadata; /* keys of metadata that are scores, as a list; NULL: none */
} fd_api_options;

/* The engine must outlive the API, and the API the server that uses its hooks. -ENOMEM. */
int fd_api_open(const fd_api_options *options, fd_engine *engine, fd_api **ret) FD_MUST_CHECK;
void fd_api_close(fd_api *api);

/* The memory that requests and embedding jobs share, for the server. */
struct fd_memory_budget *fd_api_memory(fd_api *api);

/* Lets embedding jobs stop soon, while the last requests still run. */
void fd_api_interrupt(fd_api *api);
FD_DEFINE_CLEANUP(fd_api, fd_api_close)

/* What fd_server_start takes. */
fd_server_hooks fd_api_hooks(fd_api *api);

#endif
