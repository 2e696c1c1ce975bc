/*
 * Rows that other replicas of a shared store committed: takes them over as the jobs of the writer
 * do with their own. They are prepared while the store passes them, and put into the memory
 * together with a snapshot that has them, so that readers see whole transactions.
 */
#ifndef FD_FOREIGN_ROWS_H
#define FD_FOREIGN_ROWS_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"

/* As fd_catch_up in writer.h: 1 if there was something. */
int fd_foreign_rows_catch_up(fd_engine *engine, bool decides) FD_MUST_CHECK;

#endif
