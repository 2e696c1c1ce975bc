/* The embedder that the options describe. */
#ifndef FD_OPTIONS_FOR_EMBEDDER_H
#define FD_OPTIONS_FOR_EMBEDDER_H

#include "embedder.h"
#include "options.h"

/* Opens it, as fd_embedder_open; *ret is NULL if there is none. */
int fd_options_open_embedder(const fd_options *options, fd_embedder **ret,
                             fd_fault *fault) FD_MUST_CHECK;

#endif
