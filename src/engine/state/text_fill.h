/*
 * The fill: a thread that counts the texts of items whose features are not stored, because the
 * database is older than they are, because the extractor's version changed, or because the option
 * was off. It runs once after the start, at low priority, and ends when nothing is missing. It
 * stores as it goes, so the next start continues where this one ended.
 */
#ifndef FD_TEXT_FILL_H
#define FD_TEXT_FILL_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"

int fd_text_fill_new(fd_engine *engine) FD_MUST_CHECK;
void fd_text_fill_free(fd_engine *engine);

/* The replay read an item: remembers whether its features are missing. */
void fd_text_fill_note(fd_engine *engine, const fd_item_row *row);

/* Whether no features are missing any more. */
bool fd_text_fill_has_ended(fd_engine *engine);

/* Without missing features there is no thread. */
int fd_text_fill_start(fd_engine *engine) FD_MUST_CHECK;
void fd_text_fill_interrupt(fd_engine *engine);
void fd_text_fill_stop(fd_engine *engine);

#endif
