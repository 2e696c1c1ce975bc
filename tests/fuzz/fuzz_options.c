/* A configuration file, followed by flags of the command line, each after a NUL. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "fuzz.h"
#include "options.h"
#include "options_for_engine.h"
#include "options_for_http.h"

enum { FLAGS_MAX = 8 };

/* Options that are written as flags and read again have the same numbers and choices. */
static void check_round_trip(const fd_options *options) {
    static const char *const texts[] = {
#define OPTION_TEXT(name) name,
#define OPTION_COUNT(name)
#define OPTION_REAL(name)
#define OPTION_CHOICE(name)
#define OPTION(kind, member, name, ...) OPTION_##kind(name)
#include "options.def"
#undef OPTION
        NULL,
    };
    FD_FREE char *described = NULL, *flags = NULL, *again = NULL;
    int r = fd_options_describe(options, texts, &described);
    assert(r == 0);
    flags = strdup(described);
    assert(flags);
    char *argv[256], *rest = NULL;
    int argc = 0;
    for (char *flag = strtok_r(flags, ";", &rest); flag; flag = strtok_r(NULL, ";", &rest)) {
        char text[256];
        (void)snprintf(text, sizeof(text), "--%s", flag);
        argv[argc++] = strdup(text);
    }
    fd_options read = {0};
    fd_fault fault = {0};
    r = fd_options_read(argc, argv, &read, &fault);
    assert(r == 0);
    r = fd_options_describe(&read, texts, &again);
    assert(r == 0 && strcmp(described, again) == 0);
    fd_options_clear(&read);
    while (argc > 0)
        free(argv[--argc]);
}

static void check_bounds(const fd_options *options) {
#define WITHIN_TEXT(member, lowest, highest) assert(options->member);
#define WITHIN_CHOICE(member, lowest, highest)
#define WITHIN_COUNT(member, lowest, highest)                                                      \
    assert((double)options->member >= (lowest) && (double)options->member <= (highest));
#define WITHIN_REAL(member, lowest, highest)                                                       \
    assert(options->member >= (lowest) && options->member <= (highest));
#define OPTION(kind, member, name, standard, lowest, highest, ...)                                 \
    WITHIN_##kind(member, lowest, highest)
#include "options.def"
#undef OPTION
}

static void check_listen(const fd_options *options) {
    char host[64];
    uint16_t port;
    fd_fault fault = {0};
    int r = fd_options_split_listen(options->listen, host, sizeof(host), &port, &fault);
    assert(r == 0 || r == -EINVAL);
    fuzz_check_fault(r, &fault);
    assert(r < 0 || strlen(host) < sizeof(host));
}

/* Splits the flags into strings, and drops those that name another file. */
static int split_flags(char *text, const char *end, char **argv) {
    int argc = 0;
    for (char *flag = text; flag < end && argc < FLAGS_MAX; flag += strlen(flag) + 1)
        if (strncmp(flag, "--config", 8) != 0)
            argv[argc++] = flag;
    return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const fd_options nothing;
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t file_size = nul ? (size_t)(nul - data) : size;
    size_t flags_size = size - file_size;
    FD_FREE char *flags = calloc(1, flags_size + 1);
    char config[64], *argv[FLAGS_MAX + 1] = {config};
    assert(flags);
    if (flags_size > 1)
        memcpy(flags, nul + 1, flags_size - 1);
    (void)snprintf(config, sizeof(config), "--config=%s", fuzz_file(data, file_size));
    int argc = 1 + split_flags(flags, flags + (flags_size > 0 ? flags_size - 1 : 0), argv + 1);

    fd_options options = {0};
    fd_fault fault = {0};
    int r = fd_options_read(argc, argv, &options, &fault);
    assert(r == 0 || r == -EINVAL);
    fuzz_check_fault(r, &fault);
    assert(r == 0 || memcmp(&options, &nothing, sizeof(options)) == 0);
    if (r == 0) {
        check_bounds(&options);
        check_round_trip(&options);
        check_listen(&options);
        (void)fd_options_engine(&options);
    }
    fd_options_clear(&options);
    return 0;
}
