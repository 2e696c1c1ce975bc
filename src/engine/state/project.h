/* The settings of the project: read and change. */
#ifndef FD_PROJECT_H
#define FD_PROJECT_H

#include "engine_options.h"
#include "fault.h"
#include "macros.h"
#include "project_state.h"

void fd_engine_project(fd_engine *engine, fd_project_state *ret);

/* Stores `settings` as the version after `base`, unless they are what that version says. *ret is
 * the project afterwards, or as it is if the result is -EEXIST: the newest version is another one.
 * `author` is NULL where it is unknown. */
int fd_engine_project_change(fd_engine *engine, uint64_t base, const fd_project_settings *settings,
                             const char *author, fd_project_state *ret) FD_MUST_CHECK;

#endif
