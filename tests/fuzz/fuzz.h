/*
 * Shared by the fuzz targets. A target is one file with LLVMFuzzerTestOneInput. A build folder made
 * for fuzzing links it with libFuzzer; every other one links it with replay.c, which runs stored
 * inputs. The targets assert what must hold, so that a broken promise is found like a crash.
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

/* From now on only errors are logged. */
void fuzz_be_quiet(void);

/* Asserts that the fault has a text for people if and only if the input was wrong. */
void fuzz_check_fault(int result, const fd_fault *fault);

/* ---- small_engine.c: an engine in memory ---- */

enum { FUZZ_DIMENSION = 2, FUZZ_PROMPTS = 2, FUZZ_RESPONSES = 3 };

/* Items "p0r0" to "p1r2" and one label "l" between the first two. Nothing is trained. */
fd_engine *fuzz_engine_open(void);

/* To be called after a change. Replaces the engine by a new one, but not each time: that is slow.
 */
void fuzz_engine_note_change(fd_engine **engine);

typedef struct fuzz_counts {
    size_t items;
    size_t labels;   /* revisions */
    uint64_t counts; /* labels that count: neither skipped nor retracted */
} fuzz_counts;

fuzz_counts fuzz_count(fd_engine *engine);

/* ---- response.c: calls handlers and checks their responses ---- */

/* Runs the handler on a body, as an admin, and checks the response. The caller frees its body. */
fd_response fuzz_call(fd_handler *handler, fd_engine *engine, const char *id, const uint8_t *body,
                      size_t size);

/* An integer member of a response; -1 if there is none. */
int64_t fuzz_member(const fd_response *response, const char *name);

/* Asserts that the response is JSON, or a problem document whose pointers lead into the request's
 * body, and not a server error. */
void fuzz_check_response(const fd_response *response, const char *body, size_t size);

#endif
