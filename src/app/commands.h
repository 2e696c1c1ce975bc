/* The subcommands; each gets the arguments after its name, which stand in the
 * argv of main, and returns the exit status. */
#ifndef FD_COMMANDS_H
#define FD_COMMANDS_H

#include "fault.h"

#define COMMAND(name, function, ...) int function(int argc, char **argv);
#include "commands.def"
#undef COMMAND

/* Says what is wrong on standard error and returns the exit status for it. */
int fd_report_error(const char *command, int error, const fd_fault *fault);

#endif
