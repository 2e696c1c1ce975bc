/*
 * What the fuzz targets share. Each is one file with LLVMFuzzerTestOneInput: linked with libFuzzer
 * in a build folder made for it, with replay.c, which runs stored inputs, in every other. What must
 * hold is asserted, so that a broken promise is found like a crash.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"
#include "fault.h"
#include "handlers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Logs errors alone, from now on. */
void fuzz_be_quiet(void);

/* The fault has a text for people if and only if what came from outside was wrong. */
void fuzz_check_fault(int result, const fd_fault *fault);

/* ---- world.c: an engine to ask, in memory ---- */

enum { FUZZ_DIMENSION = 2, FUZZ_PROMPTS = 2, FUZZ_RESPONSES = 3 };

/* Items "p0r0" to "p1r2" and one label "l" between the first two. Nothing is trained. */
fd_engine *fuzz_engine_open(void);

/* To be told of a change: now and then, since it takes long, begins with a fresh engine. */
void fuzz_engine_changed(fd_engine **engine);

typedef struct fuzz_counts {
    size_t items;
    size_t labels;   /* rows of their history */
    uint64_t counts; /* labels that count: neither skipped nor retracted */
} fuzz_counts;

fuzz_counts fuzz_count(fd_engine *engine);

/* ---- response.c: what every answer of a handler must be ---- */

/* Runs the handler on a body, as an admin, and checks the answer, which the caller frees. */
fd_response fuzz_ask(fd_handler *handler, fd_engine *engine, const char *id, const uint8_t *body,
                     size_t size);

/* An integer member of an answer; -1 without one. */
int64_t fuzz_member(const fd_response *response, const char *name);

/* JSON, or a problem document whose pointers lead into the body; no failure of our own. */
void fuzz_check_response(const fd_response *response, const char *body, size_t size);

#endif
