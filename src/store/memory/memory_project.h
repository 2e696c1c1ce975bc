/* The history of the project's settings in memory. */
#ifndef FD_MEMORY_PROJECT_H
#define FD_MEMORY_PROJECT_H

#include "memory_table.h"
#include "store.h"

typedef struct fd_memory_project {
    fd_memory_table table; /* version v is the row v - 1 */
} fd_memory_project;

/* Drops all but the first `keep` versions. */
void fd_memory_project_drop(fd_memory_project *project, size_t keep);

/* As the store's operations. */
int fd_memory_project_add(fd_memory_project *project, const fd_project_row *row) FD_MUST_CHECK;
int fd_memory_project_read(const fd_memory_project *project, fd_project_visit *visit,
                           void *context) FD_MUST_CHECK;
int fd_memory_project_versions_read(const fd_memory_project *project, fd_project_visit *visit,
                                    void *context) FD_MUST_CHECK;

#endif
