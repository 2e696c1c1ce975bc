/* How a command tells the person who called it that it failed. */
#ifndef FD_REPORT_ERROR_H
#define FD_REPORT_ERROR_H

#include "fault.h"

/* Prints what is wrong on standard error: the fault's text, or else the name of the error (-errno).
 * Returns the exit status for it. */
int fd_report_error(const char *command, int error, const fd_fault *fault);

#endif
