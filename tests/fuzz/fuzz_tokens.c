/* The file of tokens, and a text that is used as a token: the first line of the input. */
#include <errno.h>
#include <string.h>

#include "file.h"
#include "fuzz.h"
#include "macros.h"
#include "tokens.h"

enum { NOW = 1000000 };

static const unsigned char key[FD_TOKEN_KEY_SIZE] = {1};

/* The text is not a token by chance. A token that was made is valid until it expires. */
static void check_texts(fd_tokens *tokens, const char *text) {
    const fd_token *found = NULL;
    fd_token_state state = fd_tokens_check(tokens, key, text, NOW, &found);
    assert(state == FD_TOKEN_UNKNOWN && !found);
    char made[FD_TOKEN_TEXT_SIZE];
    fd_fault fault = {0};
    int r = fd_tokens_make(tokens, key, "anna", FD_ROLE_ANNOTATOR, NOW, NOW + 1, made, &fault);
    assert(r == 0);
    assert(fd_tokens_check(tokens, key, made, NOW, &found) == FD_TOKEN_VALID);
    assert(found == &tokens->tokens[tokens->n - 1] && found->role == FD_ROLE_ANNOTATOR);
    assert(fd_tokens_check(tokens, key, made, NOW + 1, &found) == FD_TOKEN_EXPIRED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t length = end ? (size_t)(end - data) : 0;
    FD_FREE char *text = strndup((const char *)data, length);
    assert(text);
    size_t skipped = end ? length + 1 : 0;
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    fd_fault fault = {0};
    const fd_kept_file file = {(char *)fuzz_file(data + skipped, size - skipped), NULL};
    int r = fd_tokens_read(&file, &tokens, &fault);
    assert(r == 0 || r == -EINVAL);
    fuzz_check_fault(r, &fault);
    assert(r == 0 || (tokens.n == 0 && !tokens.tokens));
    for (size_t i = 0; i < tokens.n; i++) {
        const fd_token *token = &tokens.tokens[i];
        assert(fd_tokens_find(&tokens, token->id) == token);
        assert(token->role > FD_ROLE_PUBLIC && token->role <= FD_ROLE_ADMIN);
        assert(token->name[0] != '\0' && memchr(token->name, '\0', sizeof(token->name)));
    }
    if (r == 0)
        check_texts(&tokens, text);
    return 0;
}
