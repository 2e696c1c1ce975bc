/* The items of the corpus (corpus.h), for the daemon. */
#ifndef FD_CORPUS_ITEMS_H
#define FD_CORPUS_ITEMS_H

#include <jansson.h>

#include "engine.h"
#include "fault.h"
#include "macros.h"

/* The corpus as a JSON list of items; the caller releases it. -ENOMEM. */
int fd_corpus_read(json_t **ret) FD_MUST_CHECK;

/* Adds the corpus to the engine, with embeddings by hash_embedder.h. */
int fd_corpus_add(fd_engine *engine, fd_fault *fault) FD_MUST_CHECK;

#endif
