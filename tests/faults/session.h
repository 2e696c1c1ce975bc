/*
 * A daemon's life without its sockets: a store is opened and an engine over it, bodies go through
 * the handlers and the codec, a model is trained, everything is closed. Meant to be run with a
 * fault somewhere in it.
 */
#ifndef FD_FAULTS_SESSION_H
#define FD_FAULTS_SESSION_H

#include <stdbool.h>
#include <stddef.h>

/* Runs it on a new database at `path` up to its end, whatever fails once on the way, and asks again
 * for what failed; then opens the database anew and looks for what was acknowledged. Fails the test
 * when something is lost, half there, answered as if it were the client's fault, or does not work
 * later. `settled` is called once no more faults are wanted. */
void session_run(const char *path, void (*settled)(void));

/* Fills a new database at `path` with items, labels and two models. */
void session_prepare(const char *path);

/* Opens it, learns, copies it to the file `copy` and looks at the copy, whatever fails once on the
 * way; then opens it anew and looks whether everything is there. A copy that was made is whole. */
void session_reopen(const char *path, const char *copy, void (*settled)(void));

#endif
