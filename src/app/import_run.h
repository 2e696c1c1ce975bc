/* `fisherd import FILE…`: items and labels of files of the field. */
#ifndef FD_IMPORT_RUN_H
#define FD_IMPORT_RUN_H

#include "fault.h"
#include "import_arguments.h"
#include "macros.h"
#include "options.h"

enum { FD_IMPORT_REFUSED = 3 }; /* the exit status if some rows were refused */

/* What imports into a database that replicas share. */
#define FD_IMPORT_BY_A_REPLICA "import by a running replica: fisherd import FILE … --url URL"

/* Imports the files and prints what became of them. *ret_status is 0 or FD_IMPORT_REFUSED. With a
 * fault: what stopped the import; what was committed before stays. */
int fd_import_run(const fd_import_arguments *arguments, const char *format,
                  const fd_options *options, int *ret_status, fd_fault *fault) FD_MUST_CHECK;

#endif
