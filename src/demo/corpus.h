/*
 * Example prompts, each with six responses of clearly different quality: JSON lines as
 * `fisherd import` and POST /v1/items take them, without embeddings. "quality" in the metadata is
 * 5 excellent, 4 good, 3 thin, 2 wordy or vague, 1 wrong or off the point, 0 useless. Annotators
 * should not see it.
 */
#ifndef FD_CORPUS_H
#define FD_CORPUS_H

#include <stddef.h>

extern const char fd_corpus[]; /* ends with a NUL, which fd_corpus_size does not count */
extern const size_t fd_corpus_size;

#endif
