/* Finds and opens the files of access tokens. */
#include "token_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "secret.h"

void fd_token_files_clear(fd_token_files *files) {
    fd_kept_file_clear(&files->tokens);
    fd_kept_file_clear(&files->key);
    fd_kept_file_clear(&files->ended);
    *files = (fd_token_files){0};
}

static int join(const char *db, const char *suffix, char **ret) {
    if (asprintf(ret, "%s%s", db, suffix) >= 0)
        return 0;
    *ret = NULL;
    return -ENOMEM;
}

/* `db` may be a link to the database, with the tokens next to the database itself. */
static int find_next_to(const char *db, const char *suffix, char **ret) {
    FD_FREE char *real = realpath(db, NULL);
    if (!real && errno != ENOENT)
        return -errno;
    int r = join(db, suffix, ret);
    if (r < 0 || !real || access(*ret, F_OK) == 0)
        return r;
    free(*ret);
    return join(real, suffix, ret);
}

static int find_files(const fd_options *options, const char *db, fd_token_files *ret) {
    FD_FREE char *key = NULL;
    int r = find_next_to(db, ".token-key", &key);
    if (r == 0)
        r = fd_secret_path(options->token_key, "token-key", key, &ret->key.name);
    if (r == 0 && options->tokens[0] == '\0')
        r = find_next_to(db, ".tokens", &ret->tokens.name);
    else if (r == 0 && !(ret->tokens.name = strdup(options->tokens)))
        r = -ENOMEM;
    return r == 0 ? find_next_to(db, ".sessions", &ret->ended.name) : r;
}

/* The key may be a file of its own, the same at all replicas: then who reads the database cannot
 * make sessions. */
static int find_shared(const fd_options *options, fd_store *store, fd_token_files *ret,
                       fd_fault *fault) {
    if (options->tokens[0] != '\0')
        return fd_fault_set(fault, -EINVAL, "",
                            "the tokens of replicas are in their database: leave out the option "
                            "tokens");
    int r = fd_secret_path(options->token_key, "token-key", "", &ret->key.name);
    if (r == 0 && ret->key.name[0] == '\0') {
        fd_kept_file_clear(&ret->key);
        r = fd_kept_file_set("token-key", store, &ret->key);
    }
    if (r == 0)
        r = fd_kept_file_set("tokens", store, &ret->tokens);
    return r == 0 ? fd_kept_file_set("ended-sessions", store, &ret->ended) : r;
}

int fd_token_files_find(const fd_options *options, const char *db, fd_store *store,
                        fd_token_files *ret, fd_fault *fault) {
    FD_CLEANUP(fd_token_files_clear) fd_token_files files = {0};
    int r = store ? find_shared(options, store, &files, fault) : find_files(options, db, &files);
    if (r < 0)
        return r;
    *ret = files;
    files = (fd_token_files){0};
    return 0;
}

static bool is_loopback(const char *host) {
    fd_address address;
    return strcmp(host, "localhost") == 0 || (fd_address_parse(host, strlen(host), &address) == 0 &&
                                              fd_address_is_loopback(&address));
}

int fd_token_files_open(const fd_options *options, const fd_token_files *files, const char *host,
                        fd_access **ret, fd_fault *fault) {
    FD_CLEANUP(fd_access_closep) fd_access *access = NULL;
    fd_access_options access_options = {
        .tokens = files->tokens,
        .is_required = options->tokens[0] != '\0',
        .key = files->key,
        .ended = files->ended,
        .session_seconds = (int64_t)options->session_hours * 3600,
    };
    int r = fd_access_open(&access_options, &access, fault);
    if (r < 0)
        return r;
    if (fd_access_is_unrestricted(access) && !is_loopback(host))
        return fd_fault_set(fault, -EINVAL, "",
                            "without access tokens fisherd listens on loopback addresses only, not "
                            "on %s; create a token first (fisherd token create)",
                            host);
    if (!is_loopback(host) && options->tls_certificate[0] == '\0' &&
        options->trusted_proxies[0] == '\0')
        fd_log(FD_LOG_WARNING, "no-tls",
               FD_STR("meaning", "others can read tokens on the network, unless a proxy encrypts"));
    if (fd_access_is_unrestricted(access))
        fd_log(FD_LOG_INFO, "no-tokens",
               FD_STR("meaning", "everyone on this machine has all rights"));
    *ret = FD_STEAL(access);
    return 0;
}
