/* `fisherd token`: creates, lists and revokes access tokens. A running daemon notices the change.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "database_commands.h"
#include "log.h"
#include "report_error.h"
#include "store_open.h"
#include "token_files.h"

enum { DAY_SECONDS = 86400, DAYS_MAX = 36500, TRIES = 20 };

struct flags {
    char *role;
    char *name;
    char *expires;
};

static const fd_option_row flag_rows[] = {
    {FD_OPTION_TEXT, offsetof(struct flags, role), "role", "", 0, 0, "ROLE", ""},
    {FD_OPTION_TEXT, offsetof(struct flags, name), "name", "", 0, 0, "NAME", ""},
    {FD_OPTION_TEXT, offsetof(struct flags, expires), "expires", "", 0, 0, "WHEN", ""},
};
static const fd_option_table flag_table = {flag_rows, FD_LENGTH(flag_rows)};

static void clear_flags(struct flags *flags) {
    fd_option_table_clear(&flag_table, flags);
}

/* ---- files ---- */

/* The files of one run. It locks them to change them: of two runs that wrote at once, one would
 * lose its change. Of those in a store, one is refused and begins again. */
struct work {
    const struct flags *flags;
    const char *id;  /* from the command line; NULL: none */
    fd_store *store; /* NULL: the tokens are in files */
    fd_token_files files;
    int lock;
    fd_tokens tokens;
};

/* By the clock of the replicas: with that of this machine a token might end later than it is told.
 */
static int64_t now_seconds(const struct work *work) {
    fd_store *store = work->store;
    int64_t now =
        store && store->replicas ? store->replicas->now_ms(store) : fd_wall_milliseconds();
    return now / 1000;
}

static void close_work(struct work *work) {
    fd_token_files_clear(&work->files);
    fd_tokens_clear(&work->tokens);
    fd_store_close(work->store);
    if (work->lock >= 0)
        (void)close(work->lock);
}

static int take_lock(struct work *work, fd_fault *fault) {
    FD_FREE char *path = strdup(work->files.tokens.name);
    if (!path)
        return -ENOMEM;
    const char *folder = dirname(path);
    work->lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (work->lock < 0 || flock(work->lock, LOCK_EX) < 0)
        return fd_fault_set(fault, -errno, "", "%s cannot be locked: %s", folder, strerror(errno));
    return 0;
}

static int open_work(const fd_options *options, bool changes, struct work *work, fd_fault *fault) {
    int r = fd_store_is_url(options->db) ? fd_store_open(options->db, &work->store, fault) : 0;
    if (r == 0)
        r = fd_token_files_find(options, options->db, work->store, &work->files, fault);
    return r == 0 && changes && !work->store ? take_lock(work, fault) : r;
}

static int read_tokens(struct work *work, fd_fault *fault) {
    fd_tokens_clear(&work->tokens);
    int r = fd_tokens_read(&work->files.tokens, &work->tokens, fault);
    if (r == -ENOENT) {
        *fault = (fd_fault){0};
        r = 0;
    }
    return r;
}

/* Creates the key for the first token. A missing key is an error as soon as there are tokens: their
 * hashes need it. */
static int read_key(const struct work *work, unsigned char key[static FD_TOKEN_KEY_SIZE],
                    fd_fault *fault) {
    int r = fd_token_key_read(&work->files.key, key, fault);
    if (r != -ENOENT || work->tokens.n > 0)
        return r;
    *fault = (fd_fault){0};
    return fd_token_key_make(&work->files.key, key, fault);
}

static void audit(const char *action, const fd_token *token) {
    fd_log(FD_LOG_INFO, "audit", FD_STR("action", action), FD_INT("uid", getuid()),
           FD_STR("token", token->id), FD_STR("role", fd_role_name(token->role)),
           FD_STR("name", token->name));
}

/* ---- create ---- */

/* A date, meaning its first moment in UTC, or days from now. */
static int parse_expiry(const char *text, int64_t now, int64_t *ret, fd_fault *fault) {
    struct tm date = {0};
    char *end;
    const char *rest = strptime(text, "%Y-%m-%d", &date);
    unsigned long days = strtoul(text, &end, 10);
    *ret = FD_TOKEN_NEVER;
    if (text[0] == '\0')
        return 0;
    if (rest && *rest == '\0')
        *ret = (int64_t)timegm(&date);
    else if (text[0] >= '0' && text[0] <= '9' && strcmp(end, "d") == 0 && days <= DAYS_MAX)
        *ret = now + (int64_t)days * DAY_SECONDS;
    else
        return fd_fault_set(fault, -EINVAL, "",
                            "--expires takes a date such as 2027-01-31, or days such as 30d, not "
                            "\"%s\"",
                            text);
    return *ret > now ? 0 : fd_fault_set(fault, -EINVAL, "", "--expires %s is in the past", text);
}

static int create_token(struct work *work, fd_fault *fault) {
    const struct flags *flags = work->flags;
    unsigned char key[FD_TOKEN_KEY_SIZE];
    char text[FD_TOKEN_TEXT_SIZE];
    fd_role role;
    int64_t expires, now = now_seconds(work);
    if (flags->name[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--name NAME is missing");
    if (fd_role_parse(flags->role, &role) < 0)
        return fd_fault_set(fault, -EINVAL, "", "--role takes annotator, frontend or admin");
    int r = fd_token_check_name(flags->name, fault);
    if (r == 0)
        r = parse_expiry(flags->expires, now, &expires, fault);
    if (r == 0)
        r = read_key(work, key, fault);
    if (r == 0)
        r = fd_tokens_make(&work->tokens, key, flags->name, role, now, expires, text, fault);
    sodium_memzero(key, sizeof(key));
    if (r == 0)
        r = fd_tokens_write(&work->files.tokens, &work->tokens, fault);
    if (r == 0) {
        audit("token_create", &work->tokens.tokens[work->tokens.n - 1]);
        (void)puts(text);
        r = fflush(stdout) == 0 ? 0 : -errno;
    }
    sodium_memzero(text, sizeof(text));
    return r;
}

/* ---- list and revoke ---- */

static const char *time_text(int64_t seconds, char text[static 32]) {
    struct tm utc;
    time_t time = (time_t)seconds;
    if (seconds == FD_TOKEN_NEVER)
        return "never";
    if (!gmtime_r(&time, &utc) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        return "?";
    return text;
}

static int list_tokens(struct work *work, fd_fault *fault) {
    char created[32], expires[32];
    (void)fault;
    printf("%-12s  %-9s  %-7s  %-20s  %-20s  %s\n", "id", "role", "state", "created", "expires",
           "name");
    for (size_t i = 0; i < work->tokens.n; i++) {
        const fd_token *token = &work->tokens.tokens[i];
        printf("%-12s  %-9s  %-7s  %-20s  %-20s  %s\n", token->id, fd_role_name(token->role),
               fd_token_state_name(fd_token_state_at(token, now_seconds(work))),
               time_text(token->created, created), time_text(token->expires, expires), token->name);
    }
    return 0;
}

static bool is_named(const struct work *work, const fd_token *token) {
    if (work->id)
        return strcmp(work->id, token->id) == 0;
    return strcmp(work->flags->name, token->name) == 0;
}

static int revoke_tokens(struct work *work, fd_fault *fault) {
    const char *name = work->id ? work->id : work->flags->name;
    size_t found = 0;
    if (name[0] == '\0' || (work->id && work->flags->name[0] != '\0'))
        return fd_fault_set(fault, -EINVAL, "", "give either an ID or --name NAME");
    for (size_t i = 0; i < work->tokens.n; i++) {
        fd_token *token = &work->tokens.tokens[i];
        if (!is_named(work, token))
            continue;
        found++;
        if (token->revoked == FD_TOKEN_NEVER)
            token->revoked = now_seconds(work);
    }
    if (found == 0)
        return fd_fault_set(fault, -ENOENT, "", "there is no token \"%s\"", name);
    int r = fd_tokens_write(&work->files.tokens, &work->tokens, fault);
    for (size_t i = 0; r == 0 && i < work->tokens.n; i++)
        if (is_named(work, &work->tokens.tokens[i]))
            audit("token_revoke", &work->tokens.tokens[i]);
    return r;
}

/* ---- the command ---- */

static const struct verb {
    const char *name;
    int (*run)(struct work *work, fd_fault *fault);
    bool changes;
    bool takes_id;
} verbs[] = {
    {"create", create_token, true, false},
    {"list", list_tokens, false, false},
    {"revoke", revoke_tokens, true, true},
};

static const struct verb *find_verb(const char *name) {
    for (size_t i = 0; name && i < FD_LENGTH(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

/* Somebody may change the tokens between reading and writing them. */
static int try_verb(const struct verb *verb, struct work *work, fd_fault *fault) {
    int r = -EEXIST;
    for (int i = 0; i < TRIES && r == -EEXIST; i++) {
        *fault = (fd_fault){0};
        r = read_tokens(work, fault);
        if (r == 0)
            r = verb->run(work, fault);
    }
    return r;
}

static int run(const struct verb *verb, int argc, char **argv, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(clear_flags) struct flags flags = {0};
    FD_CLEANUP(close_work) struct work work = {.lock = -1, .flags = &flags};
    if (sodium_init() < 0)
        return -EIO;
    if (verb->takes_id && argc > 0 && strncmp(argv[0], "--", 2) != 0) {
        work.id = *argv++;
        argc--;
    }
    int r = fd_option_table_take(&flag_table, &argc, argv, &flags, fault);
    if (r == 0)
        r = fd_database_options(argc, argv, &options, fault);
    if (r == 0)
        r = open_work(&options, verb->changes, &work, fault);
    return r == 0 ? try_verb(verb, &work, fault) : r;
}

int fd_token_main(int argc, char **argv) {
    fd_fault fault = {0};
    const struct verb *verb = find_verb(argc > 0 ? argv[0] : NULL);
    int r = verb ? run(verb, argc - 1, argv + 1, &fault)
                 : fd_fault_set(&fault, -EINVAL, "", "create, list or revoke is missing");
    return r < 0 ? fd_report_error("token", r, &fault) : 0;
}
