/* `fisherd simulate`. */
#ifndef FD_SIMULATE_COMMAND_H
#define FD_SIMULATE_COMMAND_H

#include <stdio.h>

/* Takes the arguments after the command's name, which lie in the argv of main. Returns the exit
 * status. */
int fd_simulate_main(int argc, char **argv);

void fd_simulate_print_help(FILE *out);

#endif
