/* The states of an embedding job, by name. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "embedding_job_rows.h"
#include "macros.h"

static const char *const names[] = {
    [FD_EMBEDDING_JOB_QUEUED] = "queued",       [FD_EMBEDDING_JOB_RUNNING] = "running",
    [FD_EMBEDDING_JOB_DONE] = "done",           [FD_EMBEDDING_JOB_FAILED] = "failed",
    [FD_EMBEDDING_JOB_CANCELLED] = "cancelled",
};

const char *fd_embedding_job_state_name(fd_embedding_job_state state) {
    assert((size_t)state < FD_LENGTH(names));
    return names[state];
}

int fd_embedding_job_state_parse(const char *name, fd_embedding_job_state *ret) {
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (fd_embedding_job_state)i;
            return 0;
        }
    }
    return -EINVAL;
}
