/* `fisherd import FILE… --url URL`: sends files to a running daemon. */
#ifndef FD_IMPORT_UPLOAD_H
#define FD_IMPORT_UPLOAD_H

#include <stdbool.h>

/* Whether the arguments ask for it. */
bool fd_import_upload_is_asked(int argc, char **argv);

/* Sends the files one after another, and prints what became of them as the import into a database
 * does. Returns the exit status. */
int fd_import_upload_main(int argc, char **argv);

#endif
