/* The project's settings: what a patch may change, and what comes back from their text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "project_settings.h"

static int merge(fd_project_settings *settings, const char *patch, fd_fault *fault) {
    json_t *tree = json_loads(patch, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    assert_non_null(tree);
    *fault = (fd_fault){0};
    int r = fd_project_settings_merge(settings, tree, fault);
    json_decref(tree);
    return r;
}

static void expect(const fd_project_settings *settings, const char *text) {
    char *printed = fd_project_settings_print(settings);
    fd_project_settings parsed;
    fd_fault fault = {0};
    assert_string_equal(printed, text);
    assert_int_equal(fd_project_settings_parse(printed, &parsed, &fault), 0);
    assert_true(fd_project_settings_are_same(settings, &parsed));
    free(printed);
}

static void patches_are_merged(void **state) {
    static const struct {
        const char *patch, *settings;
    } steps[] = {
        {"{}", "{\"scores\":{}}"},
        {"{\"scores\":{}}", "{\"scores\":{}}"},
        {"{\"scores\":{\"judge\":{\"trust\":\"trusted\"}}}",
         "{\"scores\":{\"judge\":{\"trust\":\"trusted\"}}}"},
        {"{\"scores\":{\"old/~ \\u00fc\":{\"trust\":\"inverted\"}}}",
         "{\"scores\":{\"judge\":{\"trust\":\"trusted\"},\"old/~ ü\":{\"trust\":\"inverted\"}}}"},
        {"{\"scores\":{\"judge\":{}}}",
         "{\"scores\":{\"judge\":{\"trust\":\"trusted\"},\"old/~ ü\":{\"trust\":\"inverted\"}}}"},
        {"{\"scores\":{\"judge\":{\"trust\":\"inverted\"}}}",
         "{\"scores\":{\"judge\":{\"trust\":\"inverted\"},\"old/~ ü\":{\"trust\":\"inverted\"}}}"},
        {"{\"scores\":{\"judge\":{\"trust\":null},\"b\":{\"trust\":\"unknown\"}}}",
         "{\"scores\":{\"old/~ ü\":{\"trust\":\"inverted\"}}}"},
        {"{\"scores\":{\"old/~ ü\":null,\"none\":null}}", "{\"scores\":{}}"},
        {"{\"scores\":{\"a\":{\"trust\":\"trusted\"},\"b\":{\"trust\":\"trusted\"}}}",
         "{\"scores\":{\"a\":{\"trust\":\"trusted\"},\"b\":{\"trust\":\"trusted\"}}}"},
        {"{\"scores\":null}", "{\"scores\":{}}"},
        {"{\"better_length\":\"longer\"}", "{\"better_length\":\"longer\",\"scores\":{}}"},
        {"{\"better_length\":\"shorter\",\"scores\":{\"a\":{\"trust\":\"trusted\"}}}",
         "{\"better_length\":\"shorter\",\"scores\":{\"a\":{\"trust\":\"trusted\"}}}"},
        {"{\"better_length\":null}", "{\"scores\":{\"a\":{\"trust\":\"trusted\"}}}"},
        {"{\"better_length\":\"unknown\",\"scores\":null}", "{\"scores\":{}}"},
    };
    fd_project_settings settings = {0};
    fd_fault fault = {0};
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(steps); i++) {
        assert_int_equal(merge(&settings, steps[i].patch, &fault), 0);
        expect(&settings, steps[i].settings);
    }
}

static void a_wrong_patch_is_refused_by_name(void **state) {
    static const struct {
        const char *patch, *pointer, *detail;
    } wrong[] = {
        {"[]", "", "must be an object"},
        {"null", "", "must be an object"},
        {"{\"Scores\":{}}", "/Scores", "unknown member \"Scores\""},
        {"{\"better_length\":\"long\"}", "/better_length",
         "must be \"unknown\", \"longer\" or \"shorter\""},
        {"{\"scores\":[]}", "/scores", "must be an object or null"},
        {"{\"scores\":{\"judge\":\"trusted\"}}", "/scores/judge", "must be an object or null"},
        {"{\"scores\":{\"j/~\":{\"mean\":1}}}", "/scores/j~1~0/mean", "unknown member \"mean\""},
        {"{\"scores\":{\"judge\":{\"trust\":\"yes\"}}}", "/scores/judge/trust",
         "must be \"unknown\", \"trusted\" or \"inverted\""},
        {"{\"scores\":{\"judge\":{\"trust\":1}}}", "/scores/judge/trust",
         "must be \"unknown\", \"trusted\" or \"inverted\""},
        {"{\"scores\":{\"\":{}}}", "/scores/", "the name of a score must not be empty"},
        {"{\"scores\":{\"a\\nb\":null}}", "/scores/a\nb",
         "the name of a score must not hold control characters, marks of direction or separators "
         "of lines"},
        {"{\"scores\":{\"0123456789012345678901234567890123456789012345678901234567890123456\":{}}}",
         "/scores/0123456789012345678901234567890123456789012345678901234567890123456",
         "the name of a score has 67 bytes; at most 64 are allowed"},
    };
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(wrong); i++) {
        fd_project_settings settings = {0};
        fd_fault fault = {0};
        assert_int_equal(merge(&settings, wrong[i].patch, &fault), -EINVAL);
        assert_string_equal(fault.pointer, wrong[i].pointer);
        assert_string_equal(fault.detail, wrong[i].detail);
    }
}

static void settings_of_sixteen_scores_are_kept(void **state) {
    fd_project_settings settings = {0};
    fd_fault fault = {0};
    char patch[128];
    (void)state;
    for (int i = 0; i < 17; i++) {
        (void)snprintf(patch, sizeof(patch), "{\"scores\":{\"s%d\":{\"trust\":\"trusted\"}}}", i);
        assert_int_equal(merge(&settings, patch, &fault), i < 16 ? 0 : -EINVAL);
    }
    assert_string_equal(fault.pointer, "/scores/s16");
    assert_int_equal(settings.n_scores, 16);
    /* Whichever comes first: what is taken out makes room. */
    assert_int_equal(merge(&settings,
                           "{\"scores\":{\"new\":{\"trust\":\"trusted\"},"
                           "\"s3\":{\"trust\":\"unknown\"}}}",
                           &fault),
                     0);
    assert_int_equal(fd_project_settings_trust(&settings, "new"), FD_TRUST_TRUSTED);
    assert_int_equal(fd_project_settings_trust(&settings, "s3"), FD_TRUST_UNKNOWN);
    assert_int_equal(fd_project_settings_trust(&settings, "s15"), FD_TRUST_TRUSTED);
}

static void damaged_text_is_refused(void **state) {
    static const char *const damaged[] = {
        "", "x", "[]", "{\"scores\":{\"a\":{\"trust\":\"maybe\"}}}", "{\"a\":1,\"a\":2}",
    };
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(damaged); i++) {
        fd_project_settings settings;
        fd_fault fault = {0};
        assert_int_equal(fd_project_settings_parse(damaged[i], &settings, &fault), -EBADMSG);
        assert_non_null(strstr(fault.detail, "the settings of the project"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_are_merged),
        cmocka_unit_test(a_wrong_patch_is_refused_by_name),
        cmocka_unit_test(settings_of_sixteen_scores_are_kept),
        cmocka_unit_test(damaged_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
