#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "origins.h"

#include "log.h"

static const fd_option_row rows[] = {
#define OPTION(kind, member, ...) {FD_OPTION_##kind, offsetof(fd_options, member), __VA_ARGS__},
#include "options.def"
#undef OPTION
};

/* ---- values ---- */

static void *member_of(void *members, const fd_option_row *row) {
    return (char *)members + row->offset;
}

static int set_text(char **member, const char *text) {
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*member);
    *member = copy;
    return 0;
}

/* The length of the first of "first|second|…". */
static size_t first_length(const char *choices) {
    return strcspn(choices, "|");
}

static const char *next_choice(const char *choices) {
    choices += first_length(choices);
    return *choices ? choices + 1 : choices;
}

static int set_choice(uint64_t *member, const fd_option_row *row, const char *text,
                      const char *source, fd_fault *fault) {
    uint64_t place = 0;
    for (const char *at = row->argument; *at; at = next_choice(at), place++)
        if (strlen(text) == first_length(at) && strncmp(at, text, first_length(at)) == 0) {
            *member = place;
            return 0;
        }
    return fd_fault_set(fault, -EINVAL, "", "%s: %s takes %s, not \"%s\"", source, row->name,
                        row->argument, text);
}

static int set(void *members, const fd_option_row *row, const char *text, const char *source,
               fd_fault *fault) {
    void *member = member_of(members, row);
    if (row->kind == FD_OPTION_TEXT)
        return set_text(member, text);
    if (row->kind == FD_OPTION_CHOICE)
        return set_choice(member, row, text, source, fault);

    char *end;
    errno = 0;
    double number = strtod(text, &end);
    bool whole =
        row->kind != FD_OPTION_COUNT || (number == floor(number) && !strpbrk(text, "xXpP"));
    if (end == text || *end != '\0' || errno != 0 || !isfinite(number) || !whole)
        return fd_fault_set(fault, -EINVAL, "", "%s: %s takes a %s, not \"%s\"", source, row->name,
                            row->kind == FD_OPTION_COUNT ? "whole number" : "number", text);
    if (number < row->lowest || number > row->highest)
        return fd_fault_set(fault, -EINVAL, "", "%s: %s takes %g to %g, not %s", source, row->name,
                            row->lowest, row->highest, text);
    if (row->kind == FD_OPTION_COUNT)
        *(uint64_t *)member = (uint64_t)number;
    else
        *(double *)member = number;
    return 0;
}

static const fd_option_row *find_in(const fd_option_row *table, size_t n, const char *name,
                                    size_t length) {
    for (size_t i = 0; i < n; i++)
        if (strlen(table[i].name) == length && strncmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

static const fd_option_row *find(const char *name, size_t length) {
    return find_in(rows, FD_LENGTH(rows), name, length);
}

/* ---- sources ---- */

static int set_defaults_in(const fd_option_row *table, size_t n, void *members, fd_fault *fault) {
    for (size_t i = 0; i < n; i++) {
        int r = set(members, &table[i], table[i].standard, "default", fault);
        if (r < 0)
            return r;
    }
    return 0;
}

static int set_defaults(fd_options *options, fd_fault *fault) {
    return set_defaults_in(rows, FD_LENGTH(rows), options, fault);
}

static int read_environment(fd_options *options, fd_fault *fault) {
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        char name[64] = "FISHERD_";
        size_t length = strlen(name);
        for (const char *from = rows[i].name; *from; from++)
            name[length++] = (char)(*from == '-' ? '_' : toupper((unsigned char)*from));
        const char *value = getenv(name);
        if (!value)
            continue;
        int r = set(options, &rows[i], value, name, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Sets the option that argument *i is, and leaves *i at its last part. */
static int read_flag(const fd_option_row *row, int argc, char **argv, int *i, void *members,
                     fd_fault *fault) {
    const char *sign = strchr(argv[*i], '=');
    const char *value = sign ? sign + 1 : NULL;
    if (!value && *i + 1 < argc)
        value = argv[++*i];
    if (!value)
        return fd_fault_set(fault, -EINVAL, "", "--%s needs a value", row->name);
    return set(members, row, value, "command line", fault);
}

static int read_flags(int argc, char **argv, fd_options *options, fd_fault *fault) {
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0)
            return fd_fault_set(fault, -EINVAL, "", "\"%s\" is not expected here", argv[i]);
        const fd_option_row *row = find(argv[i] + 2, strcspn(argv[i] + 2, "="));
        if (!row)
            return fd_fault_set(fault, -EINVAL, "", "there is no option \"%s\"", argv[i]);
        int r = read_flag(row, argc, argv, &i, options, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

int fd_options_take(const fd_option_row *table, size_t n, int *argc, char **argv, void *members,
                    fd_fault *fault) {
    int kept = 0;
    int r = set_defaults_in(table, n, members, fault);
    for (int i = 0; i < *argc && r == 0; i++) {
        const fd_option_row *row = strncmp(argv[i], "--", 2) == 0
                                       ? find_in(table, n, argv[i] + 2, strcspn(argv[i] + 2, "="))
                                       : NULL;
        if (row)
            r = read_flag(row, *argc, argv, &i, members, fault);
        else
            argv[kept++] = argv[i];
    }
    *argc = kept;
    return r;
}

struct file_reading {
    fd_options *options;
    const char *path;
    fd_fault *fault;
    int result;
};

static int on_file_line(void *context, const char *section, const char *name, const char *value) {
    struct file_reading *reading = context;
    const fd_option_row *row = find(name, strlen(name));
    (void)section; /* sections may group the lines for the reader */
    if (!row || strcmp(name, "config") == 0)
        reading->result = fd_fault_set(reading->fault, -EINVAL, "", "%s: there is no option \"%s\"",
                                       reading->path, name);
    else
        reading->result = set(reading->options, row, value, reading->path, reading->fault);
    return reading->result == 0;
}

static int read_file(const char *path, fd_options *options, fd_fault *fault) {
    struct file_reading reading = {options, path, fault, 0};
    int line = ini_parse(path, on_file_line, &reading);
    if (line == -1)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    if (reading.result < 0)
        return reading.result;
    if (line > 0)
        return fd_fault_set(fault, -EINVAL, "", "%s: line %d is not name = value", path, line);
    return line < 0 ? -ENOMEM : 0;
}

int fd_options_read(int argc, char **argv, fd_options *ret, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(fd_options_clear) fd_options named = {0};

    /* The file comes below the environment and the flags, either of which may name it. */
    int r = set_defaults(&named, fault);
    if (r == 0)
        r = read_environment(&named, fault);
    if (r == 0)
        r = read_flags(argc, argv, &named, fault);
    if (r == 0)
        r = set_defaults(&options, fault);
    if (r == 0 && named.config[0] != '\0')
        r = read_file(named.config, &options, fault);
    if (r == 0)
        r = read_environment(&options, fault);
    if (r == 0)
        r = read_flags(argc, argv, &options, fault);
    if (r < 0)
        return r;
    *ret = options;
    memset(&options, 0, sizeof(options));
    return 0;
}

void fd_options_clear_in(const fd_option_row *table, size_t n, void *members) {
    for (size_t i = 0; i < n; i++)
        if (table[i].kind == FD_OPTION_TEXT)
            fd_freep(member_of(members, &table[i]));
}

void fd_options_clear(fd_options *options) {
    fd_options_clear_in(rows, FD_LENGTH(rows), options);
    memset(options, 0, sizeof(*options));
}

void fd_options_print_help_in(const fd_option_row *table, size_t n, FILE *out) {
    for (size_t i = 0; i < n; i++) {
        char flag[48];
        (void)snprintf(flag, sizeof(flag), "--%s %s", table[i].name, table[i].argument);
        (void)fprintf(out, "  %-26s %s", flag, table[i].help);
        if (table[i].standard[0] != '\0')
            (void)fprintf(out, " [%s]", table[i].standard);
        (void)fputc('\n', out);
    }
}

void fd_options_print_help(FILE *out) {
    fd_options_print_help_in(rows, FD_LENGTH(rows), out);
}

static void print_choice(FILE *out, const fd_option_row *row, uint64_t place) {
    const char *at = row->argument;
    while (place-- > 0)
        at = next_choice(at);
    (void)fprintf(out, "%.*s", (int)first_length(at), at);
}

int fd_options_describe(const fd_options *options, const char *const *without, char **ret) {
    size_t size;
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        const char *member = (const char *)options + rows[i].offset;
        const char *const *name = without;
        while (*name && strcmp(*name, rows[i].name) != 0)
            name++;
        if (*name)
            continue;
        (void)fprintf(out, "%s%s=", ftello(out) > 0 ? ";" : "", rows[i].name);
        if (rows[i].kind == FD_OPTION_TEXT)
            (void)fputs(*(char *const *)(const void *)member, out);
        else if (rows[i].kind == FD_OPTION_COUNT)
            (void)fprintf(out, "%" PRIu64, *(const uint64_t *)(const void *)member);
        else if (rows[i].kind == FD_OPTION_CHOICE)
            print_choice(out, &rows[i], *(const uint64_t *)(const void *)member);
        else
            (void)fprintf(out, "%.9g", *(const double *)(const void *)member);
    }
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

static size_t size_of(const fd_option_row *row) {
    return row->kind == FD_OPTION_TEXT   ? sizeof(char *)
           : row->kind == FD_OPTION_REAL ? sizeof(double)
                                         : sizeof(uint64_t);
}

static bool is_same(const fd_option_row *row, const void *one, const void *other) {
    if (row->kind == FD_OPTION_TEXT)
        return strcmp(*(char *const *)one, *(char *const *)other) == 0;
    return memcmp(one, other, size_of(row)) == 0;
}

void fd_options_compare(fd_options *one, fd_options *other,
                        bool (*visit)(void *context, const char *name), void *context) {
    for (size_t i = 0; i < FD_LENGTH(rows); i++) {
        void *a = member_of(one, &rows[i]), *b = member_of(other, &rows[i]);
        if (is_same(&rows[i], a, b) || !visit(context, rows[i].name))
            continue;
        char kept[sizeof(double)];
        memcpy(kept, a, size_of(&rows[i]));
        memcpy(a, b, size_of(&rows[i]));
        memcpy(b, kept, size_of(&rows[i]));
    }
}

/* ---- what the options mean ---- */

int fd_options_check(const fd_options *options, fd_fault *fault) {
    fd_log_level level;
    if (options->db[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--db FILE is missing");
    if (fd_log_level_parse(options->log_level, &level) < 0)
        return fd_fault_set(fault, -EINVAL, "", "log-level takes debug, info, warning or error");
    if (!fi_strategy_find(options->strategy))
        return fd_fault_set(fault, -EINVAL, "", "there is no strategy \"%s\"", options->strategy);
    if (strcmp(options->candidates, "in_prompt") != 0 &&
        strcmp(options->candidates, "cross_prompt") != 0 && strcmp(options->candidates, "any") != 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "candidates takes in_prompt, cross_prompt or any, not \"%s\"",
                            options->candidates);
    return fd_origins_check(options->cors_origins, fault);
}

fd_engine_options fd_options_engine(const fd_options *options) {
    fd_engine_options engine = fd_engine_defaults();
    engine.kind = (fi_kind)options->model;
    engine.components = (uint32_t)options->components;
    engine.hidden_layers = (uint32_t)options->hidden_layers;
    engine.hidden_width = (uint32_t)options->hidden_width;
    engine.prior_precision = options->prior_precision;
    engine.strategy = options->strategy;
    engine.max_per_item = (uint32_t)options->max_per_item;
    engine.max_per_prompt = (uint32_t)options->max_per_prompt;
    engine.copy_distance = options->copy_distance;
    engine.offer.candidates = options->candidates;
    engine.offer.per_pair = (uint32_t)options->candidates_per_pair;
    engine.offer.contested = options->contested;
    engine.ready = (uint32_t)options->ready;
    engine.lease_seconds = options->lease_seconds;
    engine.redundancy = (uint32_t)options->redundancy;
    engine.redundancy_share = options->redundancy_share;
    engine.control_fraction = options->control_fraction;
    engine.max_skips = (uint32_t)options->max_skips;
    engine.backup_folder = options->backup_dir;
    engine.models_kept = (uint32_t)options->models_kept;
    engine.refit = options->refit == 0;
    engine.retrain = (fd_retrain)options->retrain;
    engine.retrain_labels = (uint32_t)options->retrain_labels;
    engine.retrain_seconds = options->retrain_seconds;
    engine.stuck_seconds = options->worker_stuck_seconds;
    engine.held_out_fraction = options->held_out;
    engine.stop_below = options->stop_below;
    engine.train.learning_rate = options->learning_rate;
    engine.train.weight_decay = options->weight_decay;
    engine.train.iterations = (uint32_t)options->iterations;
    engine.train.batch_size = (uint32_t)options->batch_size;
    engine.train.patience = (uint32_t)options->patience;
    engine.seed = options->seed;
    return engine;
}

int fd_options_split_listen(const char *listen, char *host, size_t size, uint16_t *ret_port,
                            fd_fault *fault) {
    const char *colon = strrchr(listen, ':');
    char *end = NULL;
    unsigned long port =
        colon && isdigit((unsigned char)colon[1]) ? strtoul(colon + 1, &end, 10) : UINT32_MAX;
    if (!colon || colon == listen || port > UINT16_MAX || *end != '\0')
        return fd_fault_set(fault, -EINVAL, "", "listen takes HOST:PORT, not \"%s\"", listen);

    const char *start = listen;
    size_t length = (size_t)(colon - listen);
    if (start[0] == '[' && length > 2 && start[length - 1] == ']') {
        start++;
        length -= 2;
    }
    if (length >= size)
        return fd_fault_set(fault, -EINVAL, "", "the host in \"%s\" is too long", listen);
    memcpy(host, start, length);
    host[length] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}
