/* Commits the blocks of an import through the engine, or tells what committing them would do. */
#ifndef FD_IMPORT_COMMIT_H
#define FD_IMPORT_COMMIT_H

#include "import_outcome.h"
#include "imported_ids.h"
#include "request.h"
#include "streamed_block.h"

typedef struct fd_import_commit {
    const fd_request *request;
    fd_import_outcome *outcome;
    fd_imported_ids ids; /* of the block, or in a dry run of all blocks */
    size_t dimension;    /* of the items; 0: not known yet */
    bool is_dry_run;
} fd_import_commit;

void fd_import_commit_clear(fd_import_commit *commit);

/*
 * Adds the items of the block and then its labels, each list in one transaction. What is wrong or
 * conflicts is left out, and the outcome tells. A block whose items are there already changes
 * nothing. In a dry run nothing is added. Fails, with a fault or without, only for what would hold
 * for all rows: the store, the embedder, memory, or the end of the daemon.
 */
int fd_import_commit_block(fd_import_commit *commit, fd_streamed_block *block,
                           fd_fault *fault) FD_MUST_CHECK;

#endif
