/* The program: finds the command that the first argument names. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "demo_command.h"
#include "help.h"
#include "macros.h"
#include "service_manager.h"
#include "simulate_command.h"
#include "version.h"

static const fd_command commands[] = {
#define COMMAND(...) {__VA_ARGS__},
#include "commands.def"
#undef COMMAND
};

static const fd_command *find_command(const char *name) {
    for (size_t i = 0; i < FD_LENGTH(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return &commands[i];
    return NULL;
}

static bool asks_for(int argc, char **argv, const char *flag) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], flag) == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fd_help_print(commands, FD_LENGTH(commands), stderr);
        return 2;
    }
    bool asks_for_help = asks_for(argc, argv, "--help") || strcmp(argv[1], "help") == 0;
    const fd_command *command = find_command(argv[1]);
    if (asks_for_help && !command && argc > 2)
        command = find_command(argv[2]); /* fisherd help COMMAND */
    if (asks_for_help && command) {
        fd_help_print_command(command, stdout);
        return 0;
    }
    if (asks_for_help) {
        fd_help_print(commands, FD_LENGTH(commands), stdout);
        return 0;
    }
    if (asks_for(argc, argv, "--version")) {
        (void)printf("fisherd %s%s\n", FD_VERSION,
                     fd_service_manager_is_built_in() ? "" : ", without libsystemd");
        return 0;
    }
    if (command)
        return command->main(argc - 2, argv + 2);
    (void)fprintf(stderr, "fisherd: there is no command \"%s\"; see fisherd --help\n", argv[1]);
    return 2;
}
