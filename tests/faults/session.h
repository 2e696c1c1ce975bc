/*
 * A daemon's life without its sockets: it opens a store and an engine, passes bodies through the
 * handlers and the codec, trains a model, and closes everything. A test runs it with one fault
 * somewhere in it.
 */
#ifndef FD_FAULTS_SESSION_H
#define FD_FAULTS_SESSION_H

#include <stdbool.h>
#include <stddef.h>

/* Runs a session on a new database at `path` to its end, even if a call fails on the way; repeats
 * what failed; then reopens the database and looks for everything acknowledged. Fails the test if
 * something is lost or half there, if a response blames the client, or if a repetition fails.
 * Calls `settled` when no more faults may happen. */
void session_run(const char *path, void (*settled)(void));

/* Fills a new database at `path` with items, labels and two models. */
void session_prepare(const char *path);

/* Copies the database to the file `copy`, checks the copy, opens the database and trains, even if a
 * call fails on the way; then reopens it and looks for everything. A copy that was made is whole.
 */
void session_reopen(const char *path, const char *copy, void (*settled)(void));

#endif
