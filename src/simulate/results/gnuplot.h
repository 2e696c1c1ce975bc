/* Scripts for gnuplot, which hold their data and stay next to the figures. */
#ifndef FD_GNUPLOT_H
#define FD_GNUPLOT_H

#include <stdio.h>

#include "fault.h"
#include "macros.h"

/* Opens a script NAME.gp in the folder, which it makes if needed, for writing. -errno with a fault.
 */
int fd_gnuplot_open(const char *folder, const char *name, FILE **ret,
                    fd_fault *fault) FD_MUST_CHECK;

/* Closes a script and runs gnuplot on it in the folder. -ENOENT with a fault if gnuplot is not
 * installed; -EIO with a fault. */
int fd_gnuplot_draw(const char *folder, const char *name, FILE *script,
                    fd_fault *fault) FD_MUST_CHECK;

/* Prints a text as a quoted string of gnuplot. */
void fd_gnuplot_print_text(FILE *script, const char *text);

#endif
