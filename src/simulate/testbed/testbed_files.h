/* Reads a testbed from files. */
#ifndef FD_TESTBED_FILES_H
#define FD_TESTBED_FILES_H

#include "fault.h"
#include "testbed.h"

typedef struct fd_testbed_files {
    const char *name;              /* of the testbed */
    const char *embedding_name;    /* NULL: none */
    const char *items;             /* JSON lines with "id", "prompt_id" and texts */
    const char *embeddings;        /* .npy, a row for each item */
    const char *prompt_embeddings; /* .npy, a row for each prompt; NULL: none */
    const char *prompts; /* JSON lines with "prompt_id", the order of the rows for prompts; NULL:
                            that of the items */
    const char *golden;  /* .npy, a number for each item; NULL: none */
    const char *votes;   /* JSON lines, see recorded_votes.h; NULL: none */
} fd_testbed_files;

/* Row i of the embeddings and of the golden rewards belongs to line i of the items. -EINVAL and the
 * like with a fault. */
int fd_testbed_read(const fd_testbed_files *files, fd_testbed *ret, fd_fault *fault) FD_MUST_CHECK;

#endif
