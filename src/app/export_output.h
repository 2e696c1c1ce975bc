/* Where an export goes: standard output, or a file that appears once it is complete. */
#ifndef FD_EXPORT_OUTPUT_H
#define FD_EXPORT_OUTPUT_H

#include <stdio.h>

#include "export_format.h"

typedef struct fd_export_output {
    fd_export_sink sink;
    FILE *file;
    char *path; /* NULL: standard output, as the next one */
    char *part; /* the name until it is complete */
    int error;  /* of the first write that failed; a negative errno */
} fd_export_output;

/* "" and "-" are standard output. -EEXIST with a fault if there is such a file already. */
int fd_export_output_open(fd_export_output *output, const char *path,
                          fd_fault *fault) FD_MUST_CHECK;

/* Ends the output. `result` is that of the writing; after a failure there is no file. Returns the
 * first failure, with a fault if it is one of the output. */
int fd_export_output_close(fd_export_output *output, int result, fd_fault *fault) FD_MUST_CHECK;

void fd_export_output_clear(fd_export_output *output);

#endif
