/* Keeps the tokens as the files have them, and checks tokens and sessions against them. */
#include "access.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "access_watch.h"
#include "clock.h"
#include "ended_sessions.h"
#include "log.h"
#include "thread.h"
#include "throttle.h"

enum { CHECK_MILLISECONDS = 500, WRITE_TRIES = 10, MISSES_MAX = 20 };

static const double watch_seconds = 0.25;

struct fd_access {
    fd_kept_file tokens_file, key_file, ended_file;
    int64_t session_seconds;
    fd_throttle throttle;
    fd_access_watch watch; /* of shared files */
    atomic_int misses;     /* readings for unknown tokens that are allowed until its next turn */

    _Atomic int64_t next_check; /* of the files; monotonic milliseconds */
    pthread_mutex_t reading;    /* one thread at a time reads the files; guards the next three */
    fd_kept_state state;
    bool is_outdated;   /* the files with this state could not be read */
    bool is_unfinished; /* sessions that have ended are not in the file yet */

    pthread_rwlock_t lock; /* guards all below; taken within `reading` */
    bool is_unrestricted;  /* there never were tokens */
    fd_tokens tokens;
    fd_ended_sessions ended;
    unsigned char key[FD_TOKEN_KEY_SIZE];
};

/* ---- the files ---- */

/* By the clock of the replicas, so that they agree on what has expired. */
static int64_t now_milliseconds(const fd_access *access) {
    fd_store *store = access->tokens_file.store;
    return store && store->replicas ? store->replicas->now_ms(store) : fd_wall_milliseconds();
}

static size_t count_valid(const fd_tokens *tokens, int64_t now) {
    size_t valid = 0;
    for (size_t i = 0; i < tokens->n; i++)
        valid += fd_token_state_at(&tokens->tokens[i], now) == FD_TOKEN_VALID;
    return valid;
}

/* -ENOENT, with a fault, if the file of tokens does not exist. */
static int read_files(fd_access *access, fd_fault *fault) {
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    unsigned char key[FD_TOKEN_KEY_SIZE];
    int r = fd_tokens_read(&access->tokens_file, &tokens, fault);
    if (r < 0)
        return r;
    r = fd_token_key_read(&access->key_file, key, fault);
    if (r < 0)
        return r == -ENOENT ? -EIO : r; /* there are tokens, but none can be checked */
    fd_log(FD_LOG_INFO, "tokens", FD_STR("file", access->tokens_file.name),
           FD_INT("tokens", tokens.n),
           FD_INT("valid", count_valid(&tokens, now_milliseconds(access) / 1000)));
    FD_WRITE_LOCKED(&access->lock);
    fd_tokens before = access->tokens;
    access->tokens = tokens;
    tokens = before;
    memcpy(access->key, key, sizeof(key));
    access->is_unrestricted = false;
    sodium_memzero(key, sizeof(key));
    return 0;
}

/* False if the tokens may be outdated. A missing file is fine as long as there never were tokens. A
 * first file that cannot be read ends unrestricted access. */
static bool note_result(fd_access *access, int r) {
    FD_WRITE_LOCKED(&access->lock);
    bool is_well = r == 0 || (r == -ENOENT && access->is_unrestricted);
    access->is_unrestricted &= is_well;
    return is_well;
}

/* Removing or damaging the file never opens access: the tokens read before stay valid. */
static void reload_locked(fd_access *access, const fd_kept_state *state) {
    fd_fault fault = {0};
    int r = read_files(access, &fault);
    bool is_well = note_result(access, r);
    bool is_logged = access->is_outdated && fd_kept_state_is_same(state, &access->state);
    access->state = *state;
    access->is_outdated = !is_well;
    if (!is_well && !is_logged)
        fd_log(FD_LOG_ERROR, "tokens-unchanged",
               FD_STR("reason", fault.detail[0] != '\0' ? fault.detail : strerror(-r)));
}

void fd_access_reload(fd_access *access) {
    FD_LOCKED(&access->reading);
    fd_kept_state state = fd_kept_file_state(&access->tokens_file, &access->state);
    access->is_outdated = false; /* so that a failure is logged again */
    reload_locked(access, &state);
}

/* `tries_again`: also files that could not be read before, since that may work now. */
static void check_files(fd_access *access, bool tries_again) {
    FD_LOCKED(&access->reading);
    fd_kept_state state = fd_kept_file_state(&access->tokens_file, &access->state);
    if ((tries_again && access->is_outdated) || !fd_kept_state_is_same(&state, &access->state))
        reload_locked(access, &state);
}

/* The watch looks at shared files. */
static void check_files_if_due(fd_access *access) {
    if (access->watch.is_running)
        return;
    int64_t now = (int64_t)(fd_monotonic_seconds() * 1e3);
    int64_t due = atomic_load(&access->next_check);
    if (now >= due &&
        atomic_compare_exchange_strong(&access->next_check, &due, now + CHECK_MILLISECONDS))
        check_files(access, true);
}

/* ---- sessions that have ended ---- */

/* Takes over what other replicas have written. */
static int read_ended(fd_access *access, fd_fault *fault) {
    FD_CLEANUP(fd_ended_sessions_clear) fd_ended_sessions others = {0};
    int r = fd_ended_sessions_read(&access->ended_file, &others, fault);
    if (r < 0)
        return r;
    FD_WRITE_LOCKED(&access->lock);
    return fd_ended_sessions_add(&access->ended, &others);
}

/* Only the holder of `reading` changes the list, so that writing needs no lock. */
static int write_ended(fd_access *access, fd_fault *fault) {
    int r = -EEXIST;
    for (int i = 0; i < WRITE_TRIES && r == -EEXIST; i++) {
        r = fd_ended_sessions_write(&access->ended_file, &access->ended, fault);
        if (r == -EEXIST && read_ended(access, fault) < 0)
            break;
    }
    access->is_unfinished = r < 0 && access->ended_file.store;
    return r;
}

static void check_ended(fd_access *access) {
    fd_fault fault = {0};
    FD_LOCKED(&access->reading);
    fd_kept_state known = {.version = access->ended.version};
    fd_kept_state state = fd_kept_file_state(&access->ended_file, &known);
    if (!fd_kept_state_is_same(&state, &known))
        (void)!read_ended(access, &fault);
    if (access->is_unfinished)
        (void)!write_ended(access, &fault);
}

/* ---- opening and closing ---- */

static void look(void *context) {
    fd_access *access = context;
    check_files(access, true);
    check_ended(access);
    atomic_store(&access->misses, MISSES_MAX);
}

void fd_access_close(fd_access *access) {
    fd_access_watch_stop(&access->watch);
    fd_tokens_clear(&access->tokens);
    fd_ended_sessions_clear(&access->ended);
    sodium_memzero(access->key, sizeof(access->key));
    fd_throttle_clear(&access->throttle);
    (void)pthread_mutex_destroy(&access->reading);
    (void)pthread_rwlock_destroy(&access->lock);
    fd_kept_file_clear(&access->tokens_file);
    fd_kept_file_clear(&access->key_file);
    fd_kept_file_clear(&access->ended_file);
    free(access);
}

static int access_new(const fd_access_options *options, fd_access **ret) {
    fd_access *access = calloc(1, sizeof(*access));
    if (!access)
        return -ENOMEM;
    access->session_seconds = options->session_seconds;
    access->is_unrestricted = true;
    atomic_init(&access->misses, MISSES_MAX);
    fd_throttle_init(&access->throttle);
    (void)pthread_mutex_init(&access->reading, NULL);
    (void)pthread_rwlock_init(&access->lock, NULL);
    *ret = access;
    int r = fd_kept_file_set(options->tokens.name, options->tokens.store, &access->tokens_file);
    if (r == 0)
        r = fd_kept_file_set(options->key.name, options->key.store, &access->key_file);
    if (r == 0)
        r = fd_kept_file_set(options->ended.name, options->ended.store, &access->ended_file);
    return r;
}

int fd_access_open(const fd_access_options *options, fd_access **ret, fd_fault *fault) {
    FD_CLEANUP(fd_access_closep) fd_access *access = NULL;
    if (sodium_init() < 0)
        return -EIO;
    int r = access_new(options, &access);
    if (r < 0)
        return r;
    access->state = fd_kept_file_state(&access->tokens_file, &access->state);
    r = read_files(access, fault);
    if (r == -ENOENT && !options->is_required)
        *fault = (fd_fault){0};
    else if (r < 0)
        return r;
    r = read_ended(access, fault);
    if (r == 0 && access->tokens_file.store)
        r = fd_access_watch_start(&access->watch, watch_seconds, look, access);
    if (r < 0)
        return r;
    *ret = FD_STEAL(access);
    return 0;
}

bool fd_access_is_unrestricted(fd_access *access) {
    check_files_if_due(access);
    FD_READ_LOCKED(&access->lock);
    return access->is_unrestricted;
}

/* ---- tokens and sessions ---- */

static void fill(const fd_token *token, fd_authentication authentication, fd_identity *ret) {
    *ret = (fd_identity){.role = token->role, .authentication = authentication};
    memcpy(ret->token, token->id, sizeof(ret->token));
    memcpy(ret->name, token->name, sizeof(ret->name));
}

static fd_token_state check_token(fd_access *access, const char *text, fd_identity *ret) {
    const fd_token *token;
    FD_READ_LOCKED(&access->lock);
    int64_t now = now_milliseconds(access) / 1000;
    fd_token_state state = fd_tokens_check(&access->tokens, access->key, text, now, &token);
    if (token)
        fill(token, FD_AUTHENTICATION_TOKEN, ret);
    return state;
}

/* Whoever sends garbage does not make a replica ask its store each time. */
static bool may_check(fd_access *access) {
    return !access->watch.is_running || atomic_fetch_sub(&access->misses, 1) > 0;
}

fd_token_state fd_access_check_token(fd_access *access, const char *text, fd_identity *ret) {
    check_files_if_due(access);
    fd_token_state state = check_token(access, text, ret);
    if (state != FD_TOKEN_UNKNOWN || !may_check(access))
        return state;
    check_files(access, false); /* it may have been made a moment ago */
    return check_token(access, text, ret);
}

/* A session is "id.milliseconds.hash": the token that it was made from, when, and the keyed hash of
 * both, which shows that this daemon made it. */
static void sign(fd_access *access, const char *id, int64_t began,
                 char text[static FD_SESSION_TEXT_SIZE]) {
    unsigned char hash[FD_TOKEN_HASH_SIZE];
    /* No token begins like this, so a session's hash is never a token's. */
    (void)snprintf(text, FD_SESSION_TEXT_SIZE, "session %s.%lld", id, (long long)began);
    fd_token_hash(access->key, text, hash);
    int length = snprintf(text, FD_SESSION_TEXT_SIZE, "%s.%lld.", id, (long long)began);
    assert(length + 44 <= FD_SESSION_TEXT_SIZE);
    (void)sodium_bin2base64(text + length, (size_t)(FD_SESSION_TEXT_SIZE - length), hash,
                            sizeof(hash), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void fd_access_make_session(fd_access *access, const fd_identity *identity,
                            char text[static FD_SESSION_TEXT_SIZE]) {
    FD_READ_LOCKED(&access->lock);
    int64_t now = now_milliseconds(access);
    int64_t ended = fd_ended_sessions_until(&access->ended, identity->token);
    sign(access, identity->token, now > ended ? now : ended + 1, text);
}

/* It may have begun at a replica whose clock is ahead by a moment. */
int fd_access_end_sessions(fd_access *access, const fd_identity *identity) {
    fd_fault fault = {0};
    int64_t now = now_milliseconds(access);
    int64_t until = now > identity->session_began ? now : identity->session_began;
    FD_LOCKED(&access->reading);
    {
        FD_WRITE_LOCKED(&access->lock);
        int r = fd_ended_sessions_end(&access->ended, identity->token, until,
                                      now - 1000 * access->session_seconds);
        if (r < 0)
            return r;
    }
    int r = write_ended(access, &fault);
    if (r < 0)
        fd_log(FD_LOG_ERROR, "ended-sessions-not-stored", FD_STR("file", access->ended_file.name),
               FD_STR("reason", fault.detail[0] != '\0' ? fault.detail : strerror(-r)));
    return 0;
}

static fd_token_state check_session(fd_access *access, const char *text, fd_identity *ret) {
    char id[FD_TOKEN_ID_SIZE], expected[FD_SESSION_TEXT_SIZE];
    long long began;
    /* NOLINTNEXTLINE(cert-err34-c): 15 characters fit a long long. */
    if (sscanf(text, "%12[0-9a-f].%15lld.", id, &began) != 2 || began < 0)
        return FD_TOKEN_UNKNOWN;
    sign(access, id, began, expected);
    const fd_token *token = fd_tokens_find(&access->tokens, id);
    if (strlen(text) != strlen(expected) || sodium_memcmp(text, expected, strlen(expected)) != 0 ||
        !token)
        return FD_TOKEN_UNKNOWN;
    fill(token, FD_AUTHENTICATION_SESSION, ret);
    ret->session_began = began;
    int64_t now = now_milliseconds(access);
    fd_token_state state = fd_token_state_at(token, now / 1000);
    bool is_over = now - began >= 1000 * access->session_seconds ||
                   began <= fd_ended_sessions_until(&access->ended, id);
    return state == FD_TOKEN_VALID && is_over ? FD_TOKEN_EXPIRED : state;
}

fd_token_state fd_access_check_session(fd_access *access, const char *text, fd_identity *ret) {
    check_files_if_due(access);
    FD_READ_LOCKED(&access->lock);
    return check_session(access, text, ret);
}

void fd_access_name_cookie(fd_access *access, bool is_secure,
                           char name[static FD_COOKIE_NAME_SIZE]) {
    unsigned char hash[FD_TOKEN_HASH_SIZE];
    {
        FD_READ_LOCKED(&access->lock);
        /* Neither a token nor a session begins like this. */
        fd_token_hash(access->key, "cookie", hash);
    }
    char *end = stpcpy(stpcpy(name, is_secure ? "__Host-" : ""), "fisherd_session_");
    (void)sodium_bin2hex(end, (size_t)(name + FD_COOKIE_NAME_SIZE - end), hash, 4);
}

int64_t fd_access_session_seconds(const fd_access *access) {
    return access->session_seconds;
}

int fd_access_ended_names(fd_access *access, fd_ended_names *ret) {
    check_files_if_due(access);
    FD_READ_LOCKED(&access->lock);
    return fd_ended_names_find(&access->tokens, now_milliseconds(access) / 1000, ret);
}

unsigned fd_access_note_failure(fd_access *access, const fd_client *client, fd_token_state state,
                                const fd_identity *identity) {
    unsigned wait =
        fd_throttle_note_failure(&access->throttle, &client->address, fd_monotonic_seconds());
    if (wait == 0)
        fd_log(FD_LOG_WARNING, "authentication-failed", FD_STR("client", client->text),
               FD_STR("token", identity->token), FD_STR("name", identity->name),
               FD_STR("reason", fd_token_state_name(state)));
    return wait;
}
