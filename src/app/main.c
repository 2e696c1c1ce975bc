/* The program: finds the command that the first argument names. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "demo_command.h"
#include "macros.h"
#include "options.h"
#include "service_manager.h"
#include "simulate_command.h"
#include "version.h"

static const struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *arguments;
    const char *help;
} commands[] = {
#define COMMAND(...) {__VA_ARGS__},
#include "commands.def"
#undef COMMAND
};

static void print_help(FILE *out) {
    (void)fputs("fisherd tells a labelling team which two model responses to compare next.\n\n"
                "Usage:\n",
                out);
    for (size_t i = 0; i < FD_LENGTH(commands); i++)
        (void)fprintf(out, "  fisherd %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                      commands[i].help);
    (void)fputs(
        "\nOptions, with their defaults. Instead of --name you can set FISHERD_NAME in the\n"
        "environment, or write \"name = value\" in the file that --config names:\n",
        out);
    fd_option_table_print_help(&fd_options_table, out);
    (void)fputs("  --help                     print this text\n"
                "  --version                  print the version\n",
                out);
}

static bool asks_for(int argc, char **argv, const char *flag) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], flag) == 0)
            return true;
    return false;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (asks_for(argc, argv, "--help") && strcmp(argv[1], "simulate") == 0) {
        fd_simulate_print_help(stdout);
        return 0;
    }
    if (asks_for(argc, argv, "--help") || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (asks_for(argc, argv, "--version")) {
        (void)printf("fisherd %s%s\n", FD_VERSION,
                     fd_service_manager_is_built_in() ? "" : ", without libsystemd");
        return 0;
    }
    for (size_t i = 0; i < FD_LENGTH(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].main(argc - 2, argv + 2);
    (void)fprintf(stderr, "fisherd: there is no command \"%s\"; see fisherd --help\n", argv[1]);
    return 2;
}
