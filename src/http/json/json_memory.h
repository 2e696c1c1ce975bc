/*
 * Counts the memory of JSON: what jansson allocates, and the text of responses. A meter belongs to
 * the thread that begins it. Without one nothing is counted.
 */
#ifndef FD_JSON_MEMORY_H
#define FD_JSON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"

typedef struct fd_json_meter {
    bool (*take)(void *context, size_t bytes); /* asks for more; false: there is no more */
    void *context;
    size_t allowed;  /* bytes that may be used without asking; grows by what is taken */
    size_t used;     /* bytes in use */
    bool is_refused; /* there was no more once */
} fd_json_meter;

/* Makes jansson allocate through here. To be called before the first tree; again has no effect. */
void fd_json_memory_open(void);

/* Counts, until the end, what this thread allocates. The meter is the caller's. */
void fd_json_meter_begin(fd_json_meter *meter);
void fd_json_meter_end(void);

/* Counts bytes that are about to be allocated for text. False: they must not be. */
bool fd_json_memory_take(size_t bytes) FD_MUST_CHECK;

/* Whether an allocation has failed in this thread since the last call. jansson reports that as
 * malformed JSON. */
bool fd_json_memory_failed(void);

#endif
