/* `fisherd demo`. */
#ifndef FD_DEMO_COMMAND_H
#define FD_DEMO_COMMAND_H

/* Takes the arguments after the command's name, which lie in the argv of main. Returns the exit
 * status. */
int fd_demo_main(int argc, char **argv);

#endif
