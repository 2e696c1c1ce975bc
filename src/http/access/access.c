/* Keeps the tokens as the files have them, and checks tokens and sessions against them. */
#include "access.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "ended_sessions.h"
#include "log.h"
#include "thread.h"
#include "throttle.h"

enum { CHECK_MILLISECONDS = 500 };

/* What shows that a file has changed. */
struct file_state {
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct fd_access {
    char *tokens_path, *key_path, *ended_path;
    int64_t session_seconds;
    fd_throttle throttle;

    _Atomic int64_t next_check; /* of the files; monotonic milliseconds */
    pthread_mutex_t reading;    /* one thread at a time reads the files; guards the next two */
    struct file_state state;
    bool is_outdated; /* the files with this state could not be read */

    pthread_rwlock_t lock; /* guards all below; taken within `reading` */
    bool is_unrestricted;  /* there never were tokens */
    fd_tokens tokens;
    fd_ended_sessions ended;
    unsigned char key[FD_TOKEN_KEY_SIZE];
};

/* ---- the files ---- */

static struct file_state state_of(const char *path) {
    struct stat status;
    struct file_state state;
    memset(&state, 0, sizeof(state));
    if (stat(path, &status) == 0) {
        state.inode = status.st_ino;
        state.size = status.st_size;
        state.changed = status.st_ctim;
    }
    return state;
}

static bool is_same(const struct file_state *one, const struct file_state *other) {
    return one->inode == other->inode && one->size == other->size &&
           one->changed.tv_sec == other->changed.tv_sec &&
           one->changed.tv_nsec == other->changed.tv_nsec;
}

static size_t count_valid(const fd_tokens *tokens) {
    size_t valid = 0;
    int64_t now = fd_wall_milliseconds() / 1000;
    for (size_t i = 0; i < tokens->n; i++)
        valid += fd_token_state_at(&tokens->tokens[i], now) == FD_TOKEN_VALID;
    return valid;
}

/* -ENOENT, with a fault, if the file of tokens does not exist. */
static int read_files(fd_access *access, fd_fault *fault) {
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    unsigned char key[FD_TOKEN_KEY_SIZE];
    int r = fd_tokens_read(access->tokens_path, &tokens, fault);
    if (r < 0)
        return r;
    r = fd_token_key_read(access->key_path, key, fault);
    if (r < 0)
        return r == -ENOENT ? -EIO : r; /* there are tokens, but none can be checked */
    fd_log(FD_LOG_INFO, "tokens", FD_STR("file", access->tokens_path), FD_INT("tokens", tokens.n),
           FD_INT("valid", count_valid(&tokens)));
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
static void reload_locked(fd_access *access, const struct file_state *state) {
    fd_fault fault = {0};
    int r = read_files(access, &fault);
    bool is_well = note_result(access, r);
    bool is_logged = access->is_outdated && is_same(state, &access->state);
    access->state = *state;
    access->is_outdated = !is_well;
    if (!is_well && !is_logged)
        fd_log(FD_LOG_ERROR, "tokens-unchanged",
               FD_STR("reason", fault.detail[0] != '\0' ? fault.detail : strerror(-r)));
}

void fd_access_reload(fd_access *access) {
    FD_LOCKED(&access->reading);
    struct file_state state = state_of(access->tokens_path);
    access->is_outdated = false; /* so that a failure is logged again */
    reload_locked(access, &state);
}

/* `tries_again`: also files that could not be read before, since that may work now. */
static void check_files(fd_access *access, bool tries_again) {
    FD_LOCKED(&access->reading);
    struct file_state state = state_of(access->tokens_path);
    if ((tries_again && access->is_outdated) || !is_same(&state, &access->state))
        reload_locked(access, &state);
}

static void check_files_if_due(fd_access *access) {
    int64_t now = (int64_t)(fd_monotonic_seconds() * 1e3);
    int64_t due = atomic_load(&access->next_check);
    if (now >= due &&
        atomic_compare_exchange_strong(&access->next_check, &due, now + CHECK_MILLISECONDS))
        check_files(access, true);
}

/* ---- opening and closing ---- */

void fd_access_close(fd_access *access) {
    fd_tokens_clear(&access->tokens);
    fd_ended_sessions_clear(&access->ended);
    sodium_memzero(access->key, sizeof(access->key));
    fd_throttle_clear(&access->throttle);
    (void)pthread_mutex_destroy(&access->reading);
    (void)pthread_rwlock_destroy(&access->lock);
    free(access->tokens_path);
    free(access->key_path);
    free(access->ended_path);
    free(access);
}

int fd_access_open(const fd_access_options *options, fd_access **ret, fd_fault *fault) {
    if (sodium_init() < 0)
        return -EIO;
    FD_FREE char *tokens_path = strdup(options->tokens);
    FD_FREE char *key_path = strdup(options->key);
    FD_FREE char *ended_path = strdup(options->ended);
    fd_access *made = tokens_path && key_path && ended_path ? calloc(1, sizeof(*made)) : NULL;
    if (!made)
        return -ENOMEM;
    FD_CLEANUP(fd_access_closep) fd_access *access = made;
    access->tokens_path = FD_STEAL(tokens_path);
    access->key_path = FD_STEAL(key_path);
    access->ended_path = FD_STEAL(ended_path);
    access->session_seconds = options->session_seconds;
    access->is_unrestricted = true;
    fd_throttle_init(&access->throttle);
    (void)pthread_mutex_init(&access->reading, NULL);
    (void)pthread_rwlock_init(&access->lock, NULL);

    access->state = state_of(access->tokens_path);
    int r = read_files(access, fault);
    if (r == -ENOENT && !options->is_required)
        *fault = (fd_fault){0};
    else if (r < 0)
        return r;
    r = fd_ended_sessions_read(access->ended_path, &access->ended, fault);
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
    fd_token_state state =
        fd_tokens_check(&access->tokens, access->key, text, fd_wall_milliseconds() / 1000, &token);
    if (token)
        fill(token, FD_AUTHENTICATION_TOKEN, ret);
    return state;
}

fd_token_state fd_access_check_token(fd_access *access, const char *text, fd_identity *ret) {
    check_files_if_due(access);
    fd_token_state state = check_token(access, text, ret);
    if (state != FD_TOKEN_UNKNOWN)
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
    int64_t now = fd_wall_milliseconds();
    int64_t ended = fd_ended_sessions_until(&access->ended, identity->token);
    sign(access, identity->token, now > ended ? now : ended + 1, text);
}

int fd_access_end_sessions(fd_access *access, const fd_identity *identity) {
    fd_fault fault = {0};
    int64_t now = fd_wall_milliseconds();
    FD_LOCKED(&access->reading);
    {
        FD_WRITE_LOCKED(&access->lock);
        int r = fd_ended_sessions_end(&access->ended, identity->token, now,
                                      now - 1000 * access->session_seconds);
        if (r < 0)
            return r;
    }
    /* Only this function changes the list, and one thread at a time is here. */
    int r = fd_ended_sessions_write(access->ended_path, &access->ended, &fault);
    if (r < 0)
        fd_log(FD_LOG_ERROR, "ended-sessions-not-stored", FD_STR("file", access->ended_path),
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
    int64_t now = fd_wall_milliseconds();
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
    return fd_ended_names_find(&access->tokens, fd_wall_milliseconds() / 1000, ret);
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
