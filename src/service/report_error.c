/* Prints why a command failed. */
#include "report_error.h"

#include <stdio.h>
#include <string.h>

int fd_report_error(const char *command, int error, const fd_fault *fault) {
    (void)fprintf(stderr, "fisherd %s: %s\n", command,
                  fault->detail[0] != '\0' ? fault->detail : strerror(-error));
    return 1;
}
