/* What `fisherd demo` serves, and who labels it. */
#ifndef FD_EXAMPLES_H
#define FD_EXAMPLES_H

#include "engine.h"
#include "fault.h"

/* Points of the plane, labelled by a simulated annotator round after round; prints a line each. */
int fd_plane_label(const char *url, fd_fault *fault) FD_MUST_CHECK;

/* Adds the corpus, embedded by the fallback embedder. */
int fd_corpus_add(fd_engine *engine, fd_fault *fault) FD_MUST_CHECK;

/* Annotators that label the corpus over HTTP, at about a human's pace, until they are stopped. */
typedef struct fd_simulated_annotators fd_simulated_annotators;
int fd_simulated_annotators_start(const char *url, size_t count,
                                  fd_simulated_annotators **ret) FD_MUST_CHECK;
void fd_simulated_annotators_stop(fd_simulated_annotators *crowd);

#endif
