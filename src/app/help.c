/* Prints what --help says: of the program, or of one command. */
#include "help.h"

#include <string.h>

#include "macros.h"
#include "options.h"
#include "simulate_command.h"

static const struct flag {
    const char *command;
    const char *flag;
    const char *help;
} flags[] = {
#define FLAG(...) {__VA_ARGS__},
#include "command_flags.def"
#undef FLAG
};

static const struct format {
    const char *command;
    const char *name;
    const char *help;
} formats[] = {
#define FORMAT(name, about, ...) {"import", name, about},
#include "import_formats.def"
#undef FORMAT
    {"import", "csv, tsv", "columns by the names of the members above, or by --map"},
#define FORMAT(identifier, name, content_type, ...) {"export", name, content_type},
#include "export_formats.def"
#undef FORMAT
};

static const char where_else[] =
    "Instead of --name you can set FISHERD_NAME in the environment, or write \"name = value\" in\n"
    "the file that --config names.\n";

void fd_help_print(const fd_command *commands, size_t n, FILE *out) {
    (void)fputs("fisherd tells a labelling team which two model responses to compare next.\n\n"
                "Usage: fisherd COMMAND …\n\n",
                out);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(out, "  fisherd %-14s %s\n", commands[i].name, commands[i].help);
    (void)fprintf(
        out,
        "\n`fisherd COMMAND --help` shows how to call a command, and what it takes. These "
        "are all\noptions, with their defaults. %s",
        where_else);
    fd_options_print_help(NULL, out);
    (void)fputs("\n  --help                     print this text\n"
                "  --version                  print the version\n",
                out);
}

static void print_forms(const fd_command *command, FILE *out) {
    for (const char *at = command->forms; *at != '\0'; at += strspn(at, "\n")) {
        size_t length = strcspn(at, "\n");
        (void)fprintf(out, "  fisherd %s %.*s\n", command->name, (int)length, at);
        at += length;
    }
}

static void print_flags(const char *command, FILE *out) {
    bool is_first = true;
    for (size_t i = 0; i < FD_LENGTH(flags); i++)
        if (strcmp(flags[i].command, command) == 0) {
            (void)fprintf(out, "%s  %-26s %s\n", is_first ? "\n" : "", flags[i].flag,
                          flags[i].help);
            is_first = false;
        }
}

static void print_formats(const char *command, FILE *out) {
    bool is_first = true;
    for (size_t i = 0; i < FD_LENGTH(formats); i++)
        if (strcmp(formats[i].command, command) == 0) {
            (void)fprintf(out, "%s  %-26s %s\n", is_first ? "\nFormats\n" : "", formats[i].name,
                          formats[i].help);
            is_first = false;
        }
}

void fd_help_print_command(const fd_command *command, FILE *out) {
    if (strcmp(command->name, "simulate") == 0) {
        fd_simulate_print_help(out);
        return;
    }
    (void)fprintf(out, "fisherd %s: %s.\n\nUsage:\n", command->name, command->help);
    print_forms(command, out);
    print_flags(command->name, out);
    print_formats(command->name, out);
    (void)fprintf(out, "\nOptions, with their defaults. %s", where_else);
    fd_options_print_help(command->groups, out);
}
