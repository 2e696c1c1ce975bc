/* Names the file of the checkpoint. */
#include "checkpoint_file.h"

#include <errno.h>
#include <stdio.h>

#include "store_open.h"

int fd_checkpoint_file_find(const fd_options *options, char **ret) {
    *ret = NULL;
    bool is_url = fd_store_is_url(options->db);
    if (options->checkpoint_rows < 1 || (is_url && options->checkpoint_dir[0] == '\0'))
        return 0;
    FD_FREE char *real = is_url ? NULL : realpath(options->db, NULL);
    if (!is_url && !real)
        return -errno;
    int n = is_url ? asprintf(ret, "%s/fisherd.checkpoint", options->checkpoint_dir)
                   : asprintf(ret, "%s.checkpoint", real);
    if (n >= 0)
        return 0;
    *ret = NULL;
    return -ENOMEM;
}
