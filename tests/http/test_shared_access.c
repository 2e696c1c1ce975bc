/* Access of two replicas, whose tokens, key and ended sessions are in one store. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "access.h"
#include "memory_store.h"

enum { HOUR = 3600, PATIENCE_STEPS = 60000, STEP_MICROSECONDS = 2000 };

struct world {
    fd_store *store;
    fd_kept_file tokens, key, ended;
    fd_access *one, *other; /* replicas */
};

static fd_access *open_replica(const struct world *world) {
    const fd_access_options options = {
        .tokens = world->tokens, .key = world->key, .ended = world->ended, .session_seconds = HOUR};
    fd_access *access = NULL;
    fd_fault fault = {0};
    int r = fd_access_open(&options, &access, &fault);
    assert_string_equal(fault.detail, "");
    assert_int_equal(r, 0);
    return access;
}

static int begin(void **state) {
    static struct world world;
    assert_int_equal(fd_store_open_memory(&world.store), 0);
    world.tokens = (fd_kept_file){(char *)"tokens", world.store};
    world.key = (fd_kept_file){(char *)"token-key", world.store};
    world.ended = (fd_kept_file){(char *)"ended-sessions", world.store};
    world.one = open_replica(&world);
    world.other = open_replica(&world);
    *state = &world;
    return 0;
}

static int end(void **state) {
    struct world *world = *state;
    fd_access_close(world->one);
    fd_access_close(world->other);
    fd_store_close(world->store);
    return 0;
}

/* As the command does it. */
static void make_token(const struct world *world, const char *name,
                       char text[static FD_TOKEN_TEXT_SIZE]) {
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    unsigned char key[FD_TOKEN_KEY_SIZE];
    fd_fault fault = {0};
    int r = fd_tokens_read(&world->tokens, &tokens, &fault);
    assert_true(r == 0 || r == -ENOENT);
    r = fd_token_key_read(&world->key, key, &fault);
    if (r == -ENOENT)
        r = fd_token_key_make(&world->key, key, &fault);
    assert_int_equal(r, 0);
    assert_int_equal(
        fd_tokens_make(&tokens, key, name, FD_ROLE_ANNOTATOR, 1000, FD_TOKEN_NEVER, text, &fault),
        0);
    assert_int_equal(fd_tokens_write(&world->tokens, &tokens, &fault), 0);
}

static void revoke_all(const struct world *world) {
    FD_CLEANUP(fd_tokens_clear) fd_tokens tokens = {0};
    fd_fault fault = {0};
    assert_int_equal(fd_tokens_read(&world->tokens, &tokens, &fault), 0);
    for (size_t i = 0; i < tokens.n; i++)
        tokens.tokens[i].revoked = 2000;
    assert_int_equal(fd_tokens_write(&world->tokens, &tokens, &fault), 0);
}

/* Waits until a replica says so of a token, or of a session. */
static void await(fd_access *access, const char *text, bool is_session, fd_token_state expected) {
    fd_identity identity;
    for (int i = 0; i < PATIENCE_STEPS; i++) {
        fd_token_state state = is_session ? fd_access_check_session(access, text, &identity)
                                          : fd_access_check_token(access, text, &identity);
        if (state == expected)
            return;
        (void)usleep(STEP_MICROSECONDS);
    }
    fail_msg("%s is not %s", text, fd_token_state_name(expected));
}

static fd_identity identity_of(fd_access *access, const char *token) {
    fd_identity identity = {0};
    assert_int_equal(fd_access_check_token(access, token, &identity), FD_TOKEN_VALID);
    return identity;
}

/* ---- tests ---- */

static void a_token_holds_at_all_replicas_until_it_is_revoked(void **state) {
    struct world *world = *state;
    char first[FD_TOKEN_TEXT_SIZE], second[FD_TOKEN_TEXT_SIZE];
    assert_true(fd_access_is_unrestricted(world->one));
    make_token(world, "anna", first);
    await(world->one, first, false, FD_TOKEN_VALID);
    await(world->other, first, false, FD_TOKEN_VALID);
    assert_false(fd_access_is_unrestricted(world->one));
    assert_false(fd_access_is_unrestricted(world->other));
    make_token(world, "ben", second);
    (void)identity_of(world->other, second); /* at once: an unknown token is looked for */
    (void)identity_of(world->one, second);
    assert_string_equal(identity_of(world->one, first).name, "anna");
    revoke_all(world);
    await(world->one, first, false, FD_TOKEN_REVOKED);
    await(world->other, second, false, FD_TOKEN_REVOKED);
}

static void a_session_of_one_replica_is_taken_by_another_and_ends_everywhere(void **state) {
    struct world *world = *state;
    char token[FD_TOKEN_TEXT_SIZE], session[FD_SESSION_TEXT_SIZE], later[FD_SESSION_TEXT_SIZE];
    char name[FD_COOKIE_NAME_SIZE], other_name[FD_COOKIE_NAME_SIZE];
    fd_identity identity;
    make_token(world, "anna", token);
    await(world->one, token, false, FD_TOKEN_VALID);
    await(world->other, token, false, FD_TOKEN_VALID);
    fd_access_name_cookie(world->one, true, name);
    fd_access_name_cookie(world->other, true, other_name);
    assert_string_equal(name, other_name);
    identity = identity_of(world->one, token);
    fd_access_make_session(world->one, &identity, session);
    assert_int_equal(fd_access_check_session(world->other, session, &identity), FD_TOKEN_VALID);
    assert_true(identity.session_began > 0);
    assert_int_equal(fd_access_end_sessions(world->other, &identity), 0);
    assert_int_equal(fd_access_check_session(world->other, session, &identity), FD_TOKEN_EXPIRED);
    await(world->one, session, true, FD_TOKEN_EXPIRED);
    identity = identity_of(world->one, token);
    fd_access_make_session(world->one, &identity, later);
    assert_int_equal(fd_access_check_session(world->one, later, &identity), FD_TOKEN_VALID);
    await(world->other, later, true, FD_TOKEN_VALID);
}

static void sessions_that_two_replicas_end_at_once_are_both_kept(void **state) {
    struct world *world = *state;
    char tokens[2][FD_TOKEN_TEXT_SIZE], sessions[2][FD_SESSION_TEXT_SIZE];
    fd_access *replicas[] = {world->one, world->other};
    for (int i = 0; i < 2; i++) {
        make_token(world, i == 0 ? "anna" : "ben", tokens[i]);
        await(world->one, tokens[i], false, FD_TOKEN_VALID);
        await(world->other, tokens[i], false, FD_TOKEN_VALID);
        fd_identity identity = identity_of(replicas[i], tokens[i]);
        fd_access_make_session(replicas[i], &identity, sessions[i]);
    }
    for (int i = 0; i < 2; i++) {
        fd_identity identity;
        assert_int_equal(fd_access_check_session(replicas[i], sessions[i], &identity),
                         FD_TOKEN_VALID);
        assert_int_equal(fd_access_end_sessions(replicas[i], &identity), 0);
    }
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2; k++)
            await(replicas[k], sessions[i], true, FD_TOKEN_EXPIRED);
    fd_access *third = open_replica(world); /* from the store alone */
    for (int i = 0; i < 2; i++)
        await(third, sessions[i], true, FD_TOKEN_EXPIRED);
    fd_access_close(third);
}

/* ---- a store that cannot be read or written for a while ---- */

static const fd_store_operations *sound_operations;
static fd_store_operations failing;
static atomic_bool fails;

static int fail_to_write(fd_store *store, const char *name, const void *bytes, size_t size,
                         uint64_t replaced) {
    return fails ? -EIO : sound_operations->shared_file_write(store, name, bytes, size, replaced);
}

static int fail_to_read(fd_store *store, const char *name, uint64_t known,
                        fd_shared_file_visit *visit, void *context) {
    return fails ? -EIO : sound_operations->shared_file_read(store, name, known, visit, context);
}

static void what_is_known_holds_while_the_store_is_out_of_reach(void **state) {
    struct world *world = *state;
    char token[FD_TOKEN_TEXT_SIZE], session[FD_SESSION_TEXT_SIZE];
    fd_identity identity;
    make_token(world, "anna", token);
    fd_access_close(world->one);
    fd_access_close(world->other);
    sound_operations = world->store->operations;
    failing = *sound_operations;
    failing.shared_file_write = fail_to_write;
    failing.shared_file_read = fail_to_read;
    world->store->operations = &failing;
    world->one = open_replica(world);
    identity = identity_of(world->one, token);
    fd_access_make_session(world->one, &identity, session);
    assert_int_equal(fd_access_check_session(world->one, session, &identity), FD_TOKEN_VALID);
    fails = true;
    fd_access_reload(world->one);
    (void)identity_of(world->one, token);
    assert_int_equal(fd_access_end_sessions(world->one, &identity), 0);
    assert_int_equal(fd_access_check_session(world->one, session, &identity), FD_TOKEN_EXPIRED);
    fails = false;
    world->other = open_replica(world);
    await(world->other, session, true, FD_TOKEN_EXPIRED); /* it was written later */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_holds_at_all_replicas_until_it_is_revoked, begin,
                                        end),
        cmocka_unit_test_setup_teardown(
            a_session_of_one_replica_is_taken_by_another_and_ends_everywhere, begin, end),
        cmocka_unit_test_setup_teardown(sessions_that_two_replicas_end_at_once_are_both_kept, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_is_known_holds_while_the_store_is_out_of_reach, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
