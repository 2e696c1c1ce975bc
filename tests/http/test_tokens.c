/* Tokens, and the files that they and their key are kept in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "secret.h"
#include "tokens.h"

static const unsigned char key[FD_TOKEN_KEY_SIZE] = "for tests alone";

struct folder {
    char name[32];
    char tokens[64];
    char key[64];
};

static int begin(void **state) {
    struct folder *folder = calloc(1, sizeof(*folder));
    assert_non_null(folder);
    (void)snprintf(folder->name, sizeof(folder->name), "/tmp/fisherd-tokens-XXXXXX");
    assert_non_null(mkdtemp(folder->name));
    (void)snprintf(folder->tokens, sizeof(folder->tokens), "%s/tokens", folder->name);
    (void)snprintf(folder->key, sizeof(folder->key), "%s/key", folder->name);
    *state = folder;
    return 0;
}

static int end(void **state) {
    struct folder *folder = *state;
    (void)unlink(folder->tokens);
    (void)unlink(folder->key);
    assert_int_equal(rmdir(folder->name), 0);
    free(folder);
    return 0;
}

/* Adds a token, and returns its text. */
static void make(fd_tokens *tokens, const char *name, fd_role role, int64_t expires,
                 char text[static FD_TOKEN_TEXT_SIZE]) {
    fd_fault fault = {0};
    assert_int_equal(fd_tokens_make(tokens, key, name, role, 1000, expires, text, &fault), 0);
    assert_int_equal(strlen(text), FD_TOKEN_TEXT_SIZE - 1);
}

/* ---- tokens ---- */

static void a_token_is_valid_until_it_expires_or_is_revoked(void **state) {
    (void)state;
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    char lasting[FD_TOKEN_TEXT_SIZE], ending[FD_TOKEN_TEXT_SIZE];
    const fd_token *found;
    make(&tokens, "anna", FD_ROLE_ANNOTATOR, FD_TOKEN_NEVER, lasting);
    make(&tokens, "bert", FD_ROLE_ADMIN, 2000, ending);
    assert_int_equal(fd_tokens_check(&tokens, key, lasting, INT64_MAX - 1, &found), FD_TOKEN_VALID);
    assert_string_equal(found->name, "anna");
    assert_int_equal(fd_tokens_check(&tokens, key, ending, 1999, &found), FD_TOKEN_VALID);
    assert_int_equal(found->role, FD_ROLE_ADMIN);
    assert_int_equal(fd_tokens_check(&tokens, key, ending, 2000, &found), FD_TOKEN_EXPIRED);
    tokens.tokens[1].revoked = 1500;
    assert_int_equal(fd_tokens_check(&tokens, key, ending, 1501, &found), FD_TOKEN_REVOKED);
    assert_string_equal(found->name, "bert");
}

static void any_other_text_is_unknown(void **state) {
    (void)state;
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    char text[FD_TOKEN_TEXT_SIZE];
    const fd_token *found;
    make(&tokens, "anna", FD_ROLE_ANNOTATOR, FD_TOKEN_NEVER, text);
    for (size_t i = 0; i < strlen(text); i++) {
        char other[FD_TOKEN_TEXT_SIZE + 1];
        (void)snprintf(other, sizeof(other), "%s", text);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        assert_int_equal(fd_tokens_check(&tokens, key, other, 1000, &found), FD_TOKEN_UNKNOWN);
        assert_null(found);
        other[i] = '\0';
        assert_int_equal(fd_tokens_check(&tokens, key, other, 1000, &found), FD_TOKEN_UNKNOWN);
    }
    unsigned char other_key[FD_TOKEN_KEY_SIZE] = {1};
    assert_int_equal(fd_tokens_check(&tokens, other_key, text, 1000, &found), FD_TOKEN_UNKNOWN);
    assert_int_equal(fd_tokens_check(&(fd_tokens){0}, key, text, 1000, &found), FD_TOKEN_UNKNOWN);
}

static void a_name_is_an_id(void **state) {
    (void)state;
    char longest[FD_IDENTITY_NAME_SIZE + 1];
    fd_fault fault = {0};
    memset(longest, 'x', sizeof(longest));
    longest[FD_IDENTITY_NAME_SIZE] = '\0';
    const char *const wrong[] = {"", "a\nb", "\x7f", "\xff", longest};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++)
        assert_int_equal(fd_token_check_name(wrong[i], &fault), -EINVAL);
    longest[FD_IDENTITY_NAME_SIZE - 1] = '\0';
    const char *const right[] = {"a", "Zo\xc3\xab", "the one", longest};
    for (size_t i = 0; i < FD_LENGTH(right); i++)
        assert_int_equal(fd_token_check_name(right[i], &fault), 0);
}

/* ---- files ---- */

static void tokens_are_read_as_they_were_written(void **state) {
    struct folder *folder = *state;
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0}, again = {0};
    char text[FD_TOKEN_TEXT_SIZE];
    fd_fault fault = {0};
    make(&tokens, "anna \"the\" \xc3\xa9", FD_ROLE_ANNOTATOR, FD_TOKEN_NEVER, text);
    make(&tokens, "bert", FD_ROLE_FRONTEND, 2000, text);
    tokens.tokens[1].revoked = 1700;
    assert_int_equal(fd_tokens_read(&(fd_kept_file){folder->tokens, NULL}, &again, &fault),
                     -ENOENT);
    assert_int_equal(fd_tokens_write(&(fd_kept_file){folder->tokens, NULL}, &tokens, &fault), 0);
    assert_int_equal(fd_tokens_read(&(fd_kept_file){folder->tokens, NULL}, &again, &fault), 0);
    assert_int_equal(again.n, 2);
    for (size_t i = 0; i < 2; i++) {
        const fd_token *one = &tokens.tokens[i], *other = &again.tokens[i];
        assert_string_equal(one->id, other->id);
        assert_string_equal(one->name, other->name);
        assert_memory_equal(one->hash, other->hash, sizeof(one->hash));
        assert_int_equal(one->role, other->role);
        assert_int_equal(one->created, other->created);
        assert_int_equal(one->expires, other->expires);
        assert_int_equal(one->revoked, other->revoked);
    }
}

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TOKEN(id, role, hash)                                                                      \
    "{\"id\":" id ",\"name\":\"n\",\"role\":" role ",\"created\":1,\"expires\":null,"              \
    "\"revoked\":null,\"hash\":" hash "}"
#define GOOD TOKEN("\"0123456789ab\"", "\"admin\"", "\"" HASH "\"")

static void a_damaged_file_is_refused_with_its_name_and_the_place(void **state) {
    struct folder *folder = *state;
    const struct {
        const char *text;
        const char *expected; /* in the fault */
    } cases[] = {
        {"", "is damaged"},
        {"[]", "is damaged"},
        {"{}", "/tokens"},
        {"{\"tokens\":[" GOOD, "is damaged"},
        {"{\"tokens\":[" GOOD "," GOOD "]}", "/tokens/1/id"},
        {"{\"tokens\":[" TOKEN("\"\"", "\"admin\"", "\"" HASH "\"") "]}", "/tokens/0/id"},
        {"{\"tokens\":[" TOKEN("\"0123456789abc\"", "\"admin\"", "\"" HASH "\"") "]}",
         "/tokens/0/id"},
        {"{\"tokens\":[" TOKEN("\"0123456789ab\"", "\"public\"", "\"" HASH "\"") "]}",
         "/tokens/0/role"},
        {"{\"tokens\":[" TOKEN("\"0123456789ab\"", "\"root\"", "\"" HASH "\"") "]}",
         "/tokens/0/role"},
        {"{\"tokens\":[" TOKEN("\"0123456789ab\"", "\"admin\"", "\"" HASH "00\"") "]}",
         "/tokens/0/hash"},
        {"{\"tokens\":[" TOKEN("\"0123456789ab\"", "\"admin\"", "\"xx\"") "]}", "/tokens/0/hash"},
        {"{\"tokens\":[" GOOD "],\"tokens\":[]}", "is damaged"},
        {"{\"tokens\":[" GOOD "],\"more\":1}", "is damaged"},
    };
    for (size_t i = 0; i < FD_LENGTH(cases); i++) {
        FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
        fd_fault fault = {0};
        size_t size = strlen(cases[i].text);
        assert_int_equal(fd_secret_write(folder->tokens, cases[i].text, size, &fault), 0);
        assert_int_equal(fd_tokens_read(&(fd_kept_file){folder->tokens, NULL}, &tokens, &fault),
                         -EINVAL);
        assert_non_null(strstr(fault.detail, cases[i].expected));
        assert_non_null(strstr(fault.detail, folder->tokens));
    }
}

static void a_key_is_read_as_it_was_made_and_anything_else_is_refused(void **state) {
    struct folder *folder = *state;
    unsigned char made[FD_TOKEN_KEY_SIZE], read[FD_TOKEN_KEY_SIZE];
    fd_fault fault = {0};
    assert_int_equal(fd_token_key_make(&(fd_kept_file){folder->key, NULL}, made, &fault), 0);
    assert_int_equal(fd_token_key_read(&(fd_kept_file){folder->key, NULL}, read, &fault), 0);
    assert_memory_equal(made, read, sizeof(made));
    const char *const wrong[] = {"", "\n", "00", (HASH "0"), (HASH "\n\n\n"), ("g" HASH)};
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        assert_int_equal(fd_secret_write(folder->key, wrong[i], strlen(wrong[i]), &fault), 0);
        assert_true(fd_token_key_read(&(fd_kept_file){folder->key, NULL}, read, &fault) < 0);
    }
    assert_int_equal(fd_secret_write(folder->key, HASH, strlen(HASH), &fault), 0);
    assert_int_equal(fd_token_key_read(&(fd_kept_file){folder->key, NULL}, read, &fault), 0);
}

static void a_secret_that_others_may_read_is_refused(void **state) {
    struct folder *folder = *state;
    FD_FREE char *bytes = NULL;
    size_t size;
    fd_fault fault = {0};
    assert_int_equal(fd_secret_write(folder->key, "secret", 6, &fault), 0);
    assert_int_equal(fd_secret_read(folder->key, 6, &bytes, &size, &fault), 0);
    assert_int_equal(size, 6);
    assert_string_equal(bytes, "secret");
    char *none = NULL;
    assert_int_equal(fd_secret_read(folder->key, 5, &none, &size, &fault), -EFBIG);
    assert_int_equal(fd_secret_read(folder->name, 99, &none, &size, &fault), -EINVAL);
    const mode_t open_to_others[] = {0601, 0602, 0604, 0610, 0620, 0640};
    for (size_t i = 0; i < FD_LENGTH(open_to_others); i++) {
        assert_int_equal(chmod(folder->key, open_to_others[i]), 0);
        assert_int_equal(fd_secret_read(folder->key, 6, &none, &size, &fault), -EACCES);
    }
    assert_null(none);
}

int main(void) {
#define IN_FOLDER(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_valid_until_it_expires_or_is_revoked),
        cmocka_unit_test(any_other_text_is_unknown),
        cmocka_unit_test(a_name_is_an_id),
        IN_FOLDER(tokens_are_read_as_they_were_written),
        IN_FOLDER(a_damaged_file_is_refused_with_its_name_and_the_place),
        IN_FOLDER(a_key_is_read_as_it_was_made_and_anything_else_is_refused),
        IN_FOLDER(a_secret_that_others_may_read_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
