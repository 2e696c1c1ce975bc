/* Commits a block of an import. */
#ifndef FD_IMPORT_STORE_H
#define FD_IMPORT_STORE_H

#include "import_block.h"

/* What fd_import_block_commit says. */
int fd_staged_commit(fd_import_block *block, fd_fault *fault) FD_MUST_CHECK;

#endif
