/* Where the checkpoint of the tables lies. */
#ifndef FD_CHECKPOINT_FILE_H
#define FD_CHECKPOINT_FILE_H

#include "macros.h"
#include "options.h"

/* Beside an SQLite database, and for a database of replicas in the folder of the option. *ret is
 * NULL if there shall be none; the caller frees it. -ENOMEM, -errno. */
int fd_checkpoint_file_find(const fd_options *options, char **ret) FD_MUST_CHECK;

#endif
