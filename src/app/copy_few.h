/* Copies the parts of a project that have few rows: the key of assignments, the versions of the
 * project, the embedder, models, embedding jobs. */
#ifndef FD_COPY_FEW_H
#define FD_COPY_FEW_H

#include "copy_work.h"

/* Each writes what the target lacks; a second run changes nothing more. */
int fd_copy_key(fd_copy *copy) FD_MUST_CHECK;
int fd_copy_project(fd_copy *copy) FD_MUST_CHECK;
int fd_copy_embedder(fd_copy *copy) FD_MUST_CHECK;
int fd_copy_models(fd_copy *copy) FD_MUST_CHECK;
int fd_copy_jobs(fd_copy *copy) FD_MUST_CHECK;

#endif
