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
    const char *usages; /* one a line */
    const char *help;
    const char *flags;
    const char *prefix; /* of the options that its help lists; NULL: none */
} commands[] = {
#define COMMAND(...) {__VA_ARGS__},
#include "commands.def"
#undef COMMAND
};

static void print_usages(const struct command *command, FILE *out) {
    for (const char *at = command->usages; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        (void)fprintf(out, "  fisherd %s %.*s\n", command->name, (int)length, at);
        at += length + (at[length] != '\0');
    }
}

static void print_options(const char *prefix, FILE *out) {
    (void)fputs(
        "\nOptions, with their defaults. Instead of --name you can set FISHERD_NAME in the\n"
        "environment, or write \"name = value\" in the file that --config names:\n",
        out);
    fd_option_table_print_help(&fd_options_table, prefix, out);
}

static void print_help(FILE *out) {
    (void)fputs("fisherd tells a labelling team which two model responses to compare next.\n\n"
                "Usage:\n",
                out);
    for (size_t i = 0; i < FD_LENGTH(commands); i++) {
        print_usages(&commands[i], out);
        (void)fprintf(out, "      %s\n", commands[i].help);
    }
    print_options("", out);
    (void)fputs("  --help                     print this text, or after a command what it does\n"
                "  --version                  print the version\n",
                out);
}

static void print_command_help(const struct command *command, FILE *out) {
    (void)fprintf(out, "fisherd %s: %s.\n\nUsage:\n", command->name, command->help);
    print_usages(command, out);
    if (command->flags[0] != '\0')
        (void)fprintf(out, "\n%s", command->flags);
    if (command->prefix)
        print_options(command->prefix, out);
    if (command->prefix && command->prefix[0] != '\0')
        (void)fputs("\nfisherd --help lists all options.\n", out);
}

static const struct command *find_command(const char *name) {
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
        print_help(stderr);
        return 2;
    }
    const struct command *command = find_command(argv[1]);
    bool is_help = asks_for(argc, argv, "--help");
    if (is_help && command && command->main == fd_simulate_main) {
        fd_simulate_print_help(stdout);
        return 0;
    }
    if (is_help && command) {
        print_command_help(command, stdout);
        return 0;
    }
    if (is_help || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
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
