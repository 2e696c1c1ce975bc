/* Reads the headers Idempotency-Key and Prefer, and holds keys. */
#include "idempotency.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "problem.h"
#include "thread.h"

void fd_held_keys_open(fd_held_keys *keys) {
    (void)pthread_mutex_init(&keys->lock, NULL);
}

void fd_held_keys_close(fd_held_keys *keys) {
    (void)pthread_mutex_destroy(&keys->lock);
}

/* A string of a structured header, "abc", or the same without quotes. */
static bool read_key(const char *value, char key[static FD_IDEMPOTENCY_KEY_SIZE]) {
    bool is_quoted = value[0] == '"';
    size_t length = 0;
    for (value += is_quoted; *value != '\0' && !(is_quoted && *value == '"'); value++) {
        if (is_quoted && value[0] == '\\' && (value[1] == '"' || value[1] == '\\'))
            value++;
        if (*value < ' ' || *value > '~' || length == FD_IDEMPOTENCY_KEY_SIZE - 1)
            return false;
        key[length++] = *value;
    }
    key[length] = '\0';
    return length > 0 && (!is_quoted || (value[0] == '"' && value[1] == '\0'));
}

static bool hold(fd_held_keys *keys, fd_held_key *key) {
    FD_LOCKED(&keys->lock);
    for (const fd_held_key *other = keys->first; other; other = other->next)
        if (strcmp(other->key, key->key) == 0 && strcmp(other->author, key->author) == 0)
            return false;
    key->next = keys->first;
    key->keys = keys;
    keys->first = key;
    return true;
}

bool fd_held_key_take(const fd_request *request, fd_held_key *ret, fd_response *response) {
    *ret = (fd_held_key){.author = request->identity->name};
    (void)crypto_generichash(ret->body_hash, sizeof(ret->body_hash),
                             (const unsigned char *)request->body, request->body_size, NULL, 0);
    if (!request->idempotency_key)
        return true;
    if (!read_key(request->idempotency_key, ret->key)) {
        fd_problem(response, 400,
                   "the Idempotency-Key must be 1 to 255 printable ASCII characters, in quotes or "
                   "without");
        return false;
    }
    if (hold(request->held_keys, ret))
        return true;
    fd_problem(response, 409, "another request with this Idempotency-Key is being answered");
    return false;
}

void fd_held_key_release(fd_held_key *key) {
    if (!key->keys)
        return;
    FD_LOCKED(&key->keys->lock);
    fd_held_key **place = &key->keys->first;
    while (*place != key)
        place = &(*place)->next;
    *place = key->next;
}

bool fd_prefers_job(const fd_request *request) {
    static const char wanted[] = "respond-async";
    const char *at = request->prefer ? request->prefer : "";
    while (*at != '\0') {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, " \t,;=");
        if (length == sizeof(wanted) - 1 && strncasecmp(at, wanted, length) == 0)
            return true;
        at += strcspn(at, ",");
    }
    return false;
}
