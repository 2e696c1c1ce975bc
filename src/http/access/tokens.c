/* Reads and writes the file of tokens, makes tokens, and checks texts against them. */
#include "tokens.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "json_read.h"

enum { FILE_MAX = 16 << 20, KEY_DIGITS = 2 * FD_TOKEN_KEY_SIZE, SECRET_SIZE = 32 };

static const char prefix[] = "fisherd_";

static const char *const roles[] = {
    [FD_ROLE_OPEN] = "open",         [FD_ROLE_PUBLIC] = "public", [FD_ROLE_ANNOTATOR] = "annotator",
    [FD_ROLE_FRONTEND] = "frontend", [FD_ROLE_ADMIN] = "admin",   NULL,
};

static_assert(FD_IDENTITY_NAME_SIZE == FD_ID_MAX + 1, "a token's name may be any annotator's");
static_assert(sizeof(prefix) - 1 + FD_TOKEN_ID_SIZE +
                      sodium_base64_ENCODED_LEN(SECRET_SIZE,
                                                sodium_base64_VARIANT_URLSAFE_NO_PADDING) ==
                  FD_TOKEN_TEXT_SIZE,
              "the size of a token's text");

const char *fd_role_name(fd_role role) {
    return roles[role];
}

int fd_role_parse(const char *name, fd_role *ret) {
    for (size_t i = FD_ROLE_ANNOTATOR; roles[i]; i++) {
        if (strcmp(name, roles[i]) == 0) {
            *ret = (fd_role)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *fd_token_state_name(fd_token_state state) {
    static const char *const names[] = {"valid", "unknown", "expired", "revoked"};
    return names[state];
}

/* ---- the file ---- */

struct row {
    const char *id;
    const char *name;
    int role;
    int64_t created, expires, revoked;
    const char *hash;
};

static const fd_field fields[] = {
    {"id", FD_FIELD_ID, .required = true, .offset = offsetof(struct row, id)},
    {"name", FD_FIELD_REFERENCE, .required = true, .offset = offsetof(struct row, name)},
    {"role", FD_FIELD_ENUM, .required = true, .offset = offsetof(struct row, role),
     .choices = roles},
    {"created", FD_FIELD_INTEGER, .required = true, .offset = offsetof(struct row, created),
     .max = FD_INTEGER_MAX},
    {"expires", FD_FIELD_INTEGER, .nullable = true, .offset = offsetof(struct row, expires),
     .max = FD_INTEGER_MAX},
    {"revoked", FD_FIELD_INTEGER, .nullable = true, .offset = offsetof(struct row, revoked),
     .max = FD_INTEGER_MAX},
    {"hash", FD_FIELD_ID, .required = true, .offset = offsetof(struct row, hash)},
};

struct file {
    const json_t *tokens;
};

static const fd_field file_fields[] = {
    {"tokens", FD_FIELD_ARRAY, .required = true, .offset = offsetof(struct file, tokens),
     .max = FD_TOKENS_MAX},
};

static bool read_hexadecimal(const char *text, unsigned char *bytes, size_t size) {
    size_t length;
    return strlen(text) == 2 * size &&
           sodium_hex2bin(bytes, size, text, 2 * size, NULL, &length, NULL) == 0 && length == size;
}

static int read_token(const json_t *value, const fd_path *at, fd_tokens *tokens, fd_fault *fault) {
    struct row row = {.expires = FD_TOKEN_NEVER, .revoked = FD_TOKEN_NEVER};
    int r = fd_json_read(value, at, fields, FD_LENGTH(fields), &row, fault);
    if (r < 0)
        return r;
    fd_token token = {.role = (fd_role)row.role,
                      .created = row.created,
                      .expires = row.expires,
                      .revoked = row.revoked};
    if (strlen(row.id) != sizeof(token.id) - 1 || fd_tokens_find(tokens, row.id))
        return fd_json_fault(fault, &(fd_path){.parent = at, .name = "id"},
                             "is not a token id, or is there twice");
    if (token.role <= FD_ROLE_PUBLIC)
        return fd_json_fault(fault, &(fd_path){.parent = at, .name = "role"}, "must not be \"%s\"",
                             roles[token.role]);
    if (!read_hexadecimal(row.hash, token.hash, sizeof(token.hash)))
        return fd_json_fault(fault, &(fd_path){.parent = at, .name = "hash"}, "is not a hash");
    memcpy(token.id, row.id, sizeof(token.id));
    memcpy(token.name, row.name, strlen(row.name) + 1);
    tokens->tokens[tokens->n++] = token;
    return 0;
}

static int parse(const char *text, size_t size, fd_tokens *ret, fd_fault *fault) {
    FD_JSON json_t *root = NULL;
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    struct file file = {0};
    int r = fd_json_parse(text, size, &root, fault);
    if (r == 0)
        r = fd_json_read(root, NULL, file_fields, FD_LENGTH(file_fields), &file, fault);
    if (r < 0)
        return r;
    size_t n = json_array_size(file.tokens);
    tokens.tokens = calloc(n + 1, sizeof(*tokens.tokens));
    if (!tokens.tokens)
        return -ENOMEM;
    fd_path list = {.name = "tokens"};
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_token(json_array_get(file.tokens, i), &(fd_path){.parent = &list, .index = i},
                       &tokens, fault);
    if (r < 0)
        return r;
    *ret = tokens;
    tokens = (fd_tokens){0};
    return 0;
}

int fd_tokens_read(const fd_kept_file *file, fd_tokens *ret, fd_fault *fault) {
    FD_FREE char *text = NULL;
    size_t size;
    uint64_t version;
    int r = fd_kept_file_read(file, FILE_MAX, &text, &size, &version, fault);
    if (r < 0)
        return r;
    fd_fault wrong = {0};
    r = parse(text, size, ret, &wrong);
    if (r == 0)
        ret->version = version;
    if (r == -EINVAL || r == -EBADMSG)
        return fd_fault_set(fault, -EINVAL, "", "%s%s is damaged: %s %s", FD_KEPT_FILE_TITLE(file),
                            wrong.pointer, wrong.detail);
    return r;
}

static json_t *time_or_null(int64_t seconds) {
    return seconds == FD_TOKEN_NEVER ? json_null() : json_integer(seconds);
}

static json_t *token_json(const fd_token *token) {
    char hash[2 * FD_TOKEN_HASH_SIZE + 1];
    (void)sodium_bin2hex(hash, sizeof(hash), token->hash, sizeof(token->hash));
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:s}", "id", token->id, "name", token->name,
                     "role", roles[token->role], "created", (json_int_t)token->created, "expires",
                     time_or_null(token->expires), "revoked", time_or_null(token->revoked), "hash",
                     hash);
}

int fd_tokens_write(const fd_kept_file *file, const fd_tokens *tokens, fd_fault *fault) {
    FD_JSON json_t *list = json_array();
    for (size_t i = 0; i < tokens->n; i++)
        if (json_array_append_new(list, token_json(&tokens->tokens[i])) < 0)
            return -ENOMEM;
    FD_JSON json_t *root = json_pack("{s:O}", "tokens", list);
    FD_FREE char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    return text ? fd_kept_file_write(file, text, strlen(text), tokens->version, fault) : -ENOMEM;
}

void fd_tokens_clear(fd_tokens *tokens) {
    free(tokens->tokens);
    *tokens = (fd_tokens){0};
}

/* ---- the key ---- */

int fd_token_key_read(const fd_kept_file *file, unsigned char key[static FD_TOKEN_KEY_SIZE],
                      fd_fault *fault) {
    FD_FREE char *text = NULL;
    size_t size;
    uint64_t version;
    int r = fd_kept_file_read(file, KEY_DIGITS + 2, &text, &size, &version, fault);
    if (r < 0)
        return r;
    text[strcspn(text, "\r\n")] = '\0';
    bool is_key = read_hexadecimal(text, key, FD_TOKEN_KEY_SIZE);
    sodium_memzero(text, size);
    return is_key
               ? 0
               : fd_fault_set(fault, -EINVAL, "", "%s%s must hold a key of %d hexadecimal digits",
                              FD_KEPT_FILE_TITLE(file), (int)KEY_DIGITS);
}

int fd_token_key_make(const fd_kept_file *file, unsigned char key[static FD_TOKEN_KEY_SIZE],
                      fd_fault *fault) {
    char text[KEY_DIGITS + 1];
    randombytes_buf(key, FD_TOKEN_KEY_SIZE);
    (void)sodium_bin2hex(text, sizeof(text), key, FD_TOKEN_KEY_SIZE);
    text[KEY_DIGITS] = '\n';
    int r = fd_kept_file_write(file, text, sizeof(text), 0, fault);
    sodium_memzero(text, sizeof(text));
    return r;
}

void fd_token_hash(const unsigned char key[static FD_TOKEN_KEY_SIZE], const char *text,
                   unsigned char hash[static FD_TOKEN_HASH_SIZE]) {
    (void)crypto_generichash(hash, FD_TOKEN_HASH_SIZE, (const unsigned char *)text, strlen(text),
                             key, FD_TOKEN_KEY_SIZE);
}

/* ---- tokens ---- */

int fd_token_check_name(const char *name, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    if (fd_id_rule(name, strlen(name), why) == 0)
        return 0;
    return fd_fault_set(fault, -EINVAL, "",
                        "a name has 1 to %d bytes of UTF-8 without control characters; this one %s",
                        FD_ID_MAX, why);
}

/* Chooses an id that no other token has, and a secret. */
static void choose_text(const fd_tokens *tokens, fd_token *token,
                        char text[static FD_TOKEN_TEXT_SIZE]) {
    unsigned char id[(FD_TOKEN_ID_SIZE - 1) / 2], secret[SECRET_SIZE];
    do {
        randombytes_buf(id, sizeof(id));
        (void)sodium_bin2hex(token->id, sizeof(token->id), id, sizeof(id));
    } while (fd_tokens_find(tokens, token->id));
    randombytes_buf(secret, sizeof(secret));
    char *end = stpcpy(stpcpy(text, prefix), token->id);
    *end++ = '_';
    (void)sodium_bin2base64(end, (size_t)(text + FD_TOKEN_TEXT_SIZE - end), secret, sizeof(secret),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(secret, sizeof(secret));
}

int fd_tokens_make(fd_tokens *tokens, const unsigned char key[static FD_TOKEN_KEY_SIZE],
                   const char *name, fd_role role, int64_t now, int64_t expires,
                   char text[static FD_TOKEN_TEXT_SIZE], fd_fault *fault) {
    if (tokens->n >= FD_TOKENS_MAX)
        return fd_fault_set(fault, -EINVAL, "", "there are %d tokens already, the most allowed",
                            (int)FD_TOKENS_MAX);
    fd_token *grown = realloc(tokens->tokens, (tokens->n + 1) * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    tokens->tokens = grown;
    fd_token token = {.role = role, .created = now, .expires = expires, .revoked = FD_TOKEN_NEVER};
    memcpy(token.name, name, strlen(name) + 1);
    choose_text(tokens, &token, text);
    fd_token_hash(key, text, token.hash);
    tokens->tokens[tokens->n++] = token;
    return 0;
}

const fd_token *fd_tokens_find(const fd_tokens *tokens, const char *id) {
    for (size_t i = 0; i < tokens->n; i++)
        if (strcmp(tokens->tokens[i].id, id) == 0)
            return &tokens->tokens[i];
    return NULL;
}

fd_token_state fd_token_state_at(const fd_token *token, int64_t now) {
    return token->revoked != FD_TOKEN_NEVER ? FD_TOKEN_REVOKED
           : now >= token->expires          ? FD_TOKEN_EXPIRED
                                            : FD_TOKEN_VALID;
}

fd_token_state fd_tokens_check(const fd_tokens *tokens,
                               const unsigned char key[static FD_TOKEN_KEY_SIZE], const char *text,
                               int64_t now, const fd_token **ret) {
    static const unsigned char no_hash[FD_TOKEN_HASH_SIZE] = {0};
    char id[FD_TOKEN_ID_SIZE] = "";
    if (strncmp(text, prefix, sizeof(prefix) - 1) == 0)
        (void)stpncpy(id, text + sizeof(prefix) - 1, sizeof(id) - 1);
    const fd_token *token = fd_tokens_find(tokens, id);
    unsigned char hash[FD_TOKEN_HASH_SIZE];
    fd_token_hash(key, text, hash);
    bool is_same = sodium_memcmp(hash, token ? token->hash : no_hash, sizeof(hash)) == 0;
    *ret = token && is_same ? token : NULL;
    return *ret ? fd_token_state_at(*ret, now) : FD_TOKEN_UNKNOWN;
}
