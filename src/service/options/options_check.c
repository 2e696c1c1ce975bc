/* Checks the options that a daemon starts with, beyond the bounds of each. */
#include "options_check.h"

#include <errno.h>
#include <fisher/design.h>
#include <string.h>

#include "client_address.h"
#include "embedder.h"
#include "embedding_template.h"
#include "json_scores.h"
#include "log.h"
#include "options_for_http.h"
#include "origins.h"

static int check_log_level(const char *text, fd_fault *fault) {
    fd_log_level level;
    if (fd_log_level_parse(text, &level) == 0)
        return 0;
    return fd_fault_set(fault, -EINVAL, "", "log-level takes debug, info, warning or error");
}

static int check_strategy(const char *text, fd_fault *fault) {
    if (text[0] == '\0' || fi_strategy_find(text))
        return 0;
    return fd_fault_set(fault, -EINVAL, "", "there is no strategy \"%s\"", text);
}

static int check_candidates(const char *text, fd_fault *fault) {
    fi_scope scope;
    if (fi_scope_parse(text, &scope) == 0)
        return 0;
    return fd_fault_set(fault, -EINVAL, "",
                        "candidates takes in_prompt, cross_prompt or any, not \"%s\"", text);
}

static int check_listen(const char *text, fd_fault *fault) {
    char host[64];
    uint16_t port;
    return fd_options_split_listen(text, host, sizeof(host), &port, fault);
}

static int check_proxies(const char *text, fd_fault *fault) {
    FD_CLEANUP(fd_networks_clear) fd_networks networks = {0};
    return fd_networks_parse(text, &networks, fault);
}

static int check_embedding_url(const char *text, fd_fault *fault) {
    if (text[0] == '\0' || strcmp(text, FD_EMBEDDER_BUILTIN) == 0)
        return 0;
    return fd_embedding_url_check(text, fault);
}

static int check_embedding_template(const char *text, fd_fault *fault) {
    FD_CLEANUP(fd_embedding_template_clear) fd_embedding_template template = {0};
    return fd_embedding_template_parse(text, &template, fault);
}

static const struct check {
    size_t offset; /* of the member, a text */
    int (*check)(const char *text, fd_fault *fault);
} checks[] = {
    {offsetof(fd_options, log_level), check_log_level},
    {offsetof(fd_options, strategy), check_strategy},
    {offsetof(fd_options, candidates), check_candidates},
    {offsetof(fd_options, listen), check_listen},
    {offsetof(fd_options, trusted_proxies), check_proxies},
    {offsetof(fd_options, cors_origins), fd_origins_check},
    {offsetof(fd_options, score_metadata), fd_json_score_keys_check},
    {offsetof(fd_options, embedding_url), check_embedding_url},
    {offsetof(fd_options, embedding_template), check_embedding_template},
};

static int run(const struct check *check, const void *members, fd_fault *fault) {
    return check->check(*(char *const *)((const char *)members + check->offset), fault);
}

int fd_options_check_one(const fd_option_row *row, const void *members, fd_fault *fault) {
    for (size_t i = 0; i < FD_LENGTH(checks); i++)
        if (checks[i].offset == row->offset)
            return run(&checks[i], members, fault);
    return 0;
}

int fd_options_check(const fd_options *options, fd_fault *fault) {
    if (options->db[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--db FILE is missing");
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(checks) && r == 0; i++)
        r = run(&checks[i], options, fault);
    return r;
}
