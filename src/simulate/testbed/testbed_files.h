/* Reads a testbed from files. */
#ifndef FD_TESTBED_FILES_H
#define FD_TESTBED_FILES_H

#include "fault.h"
#include "testbed.h"

typedef struct fd_testbed_files {
    const char *name;              /* of the testbed */
    const char *items;             /* JSON lines with "id" and "prompt_id" */
    const char *embeddings;        /* .npy, a row for each item */
    const char *prompt_embeddings; /* .npy, a row for each prompt; NULL: none */
    const char *golden;            /* .npy, a number for each item */
} fd_testbed_files;

/* Row i of the embeddings and of the golden rewards belongs to line i of the items. Row k of the
 * prompt embeddings belongs to the k-th prompt in the order of the lines. -EINVAL and the like with
 * a fault. */
int fd_testbed_read(const fd_testbed_files *files, fd_testbed *ret, fd_fault *fault) FD_MUST_CHECK;

#endif
