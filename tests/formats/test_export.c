/* The formats of an export: what is written of one label, and what happens when nothing can be. */
#include "export_format.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {
    "preferences", "trl", "trl-conversational", "csv", "label-studio", "argilla", "arena"};

/* ---- a sink that takes a number of bytes ---- */

struct taken {
    char bytes[4096];
    size_t size;
    size_t room;
};

static int take(const char *bytes, size_t size, void *context) {
    struct taken *taken = context;
    if (size > taken->room - taken->size)
        return -1;
    memcpy(taken->bytes + taken->size, bytes, size);
    taken->size += size;
    return 0;
}

static fd_export_settings settings_of(const fd_export_choices *choices) {
    fd_export_settings settings;
    const char *name;
    fd_fault fault = {0};
    assert_int_equal(fd_export_settings_read(choices, &settings, &name, &fault), 0);
    return settings;
}

static fd_labelled_pair sample(void) {
    return (fd_labelled_pair){
        .label = {.sequence = 7,
                  .id = "label-1",
                  .preference = FD_PREFER_B,
                  .annotator = "kim",
                  .assignment = "given",
                  .duration_ms = 1200,
                  .created_ms = 1790000000123,
                  .comment = "a \"good\" one,\nI think"},
        .a = {.id = "x", .prompt_id = "p", .prompt = "Why?", .response = "So."},
        .b = {.id = "y", .prompt_id = "p", .prompt = "Why?", .response = "Thus \xc3\xa9."},
        .assignment = {.id = "given",
                       .control = true,
                       .p = 0.25,
                       .gain = NAN,
                       .strategy = "random",
                       .swapped = 1,
                       .model_version = 3},
    };
}

static struct taken written(const fd_export_settings *settings, const fd_labelled_pair *pair,
                            fd_export_outcome expected) {
    struct taken taken = {.room = sizeof(taken.bytes) - 1};
    const fd_export_sink sink = {take, &taken};
    fd_export_outcome outcome;
    assert_int_equal(fd_export_write(settings, pair, &sink, &outcome), 0);
    assert_int_equal(outcome, expected);
    assert_true(outcome == FD_EXPORT_WRITTEN || taken.size == 0);
    return taken;
}

/* ---- lines ---- */

static void a_line_of_preferences_has_all_columns_in_their_order(void **state) {
    (void)state;
    fd_export_settings settings = settings_of(&(fd_export_choices){0});
    fd_labelled_pair pair = sample();
    assert_string_equal(
        written(&settings, &pair, FD_EXPORT_WRITTEN).bytes,
        "{\"id\":\"label-1\",\"annotator\":\"kim\",\"preference\":\"b\",\"a\":\"x\",\"b\":\"y\","
        "\"prompt_id\":\"p\",\"prompt_id_b\":null,\"prompt\":\"Why?\",\"prompt_b\":null,"
        "\"response_a\":\"So.\",\"response_b\":\"Thus \xc3\xa9.\",\"arm\":\"control\",\"p\":0.25,"
        "\"gain\":null,\"strategy\":\"random\",\"model_version\":3,"
        "\"left\":\"b\",\"assignment\":\"given\",\"duration_ms\":1200,"
        "\"comment\":\"a \\\"good\\\" one,\\nI think\",\"revision\":0,\"sequence\":7,"
        "\"created_at\":\"2026-09-21T14:13:20.123Z\"}\n");
}

static void a_line_of_csv_quotes_what_would_end_a_value(void **state) {
    (void)state;
    fd_export_settings settings =
        settings_of(&(fd_export_choices){.format = "csv", .texts = "false"});
    fd_labelled_pair pair = sample();
    pair.label.annotator = "";
    assert_string_equal(written(&settings, &pair, FD_EXPORT_WRITTEN).bytes,
                        "label-1,\"\",b,x,y,p,,control,0.25,,random,3,b,given,1200,\"a "
                        "\"\"good\"\" one,\nI think\",0,7,2026-09-21T14:13:20.123Z\r\n");
}

static void each_line_is_one_line_of_json_that_ends_in_a_newline(void **state) {
    (void)state;
    fd_labelled_pair pair = sample();
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        if (strcmp(names[i], "csv") == 0)
            continue;
        fd_export_settings settings = settings_of(&(fd_export_choices){.format = names[i]});
        struct taken taken = written(&settings, &pair, FD_EXPORT_WRITTEN);
        assert_ptr_equal(strchr(taken.bytes, '\n'), taken.bytes + taken.size - 1);
        json_t *line = json_loads(taken.bytes, JSON_REJECT_DUPLICATES, NULL);
        assert_true(json_is_object(line));
        json_decref(line);
    }
}

static void what_is_left_out_writes_nothing(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        bool is_of_texts = strcmp(names[i], "preferences") != 0 && strcmp(names[i], "csv") != 0;
        fd_export_settings settings =
            settings_of(&(fd_export_choices){.format = names[i], .ties = "drop"});
        fd_labelled_pair pair = sample();
        pair.label.preference = FD_PREFER_TIE;
        (void)written(&settings, &pair, FD_EXPORT_TIE);
        pair.label.preference = FD_PREFER_SKIP;
        (void)written(&settings, &pair, FD_EXPORT_SKIP);
        pair.label.preference = FD_PREFER_RETRACTED;
        (void)written(&settings, &pair, FD_EXPORT_RETRACTED);
        pair = sample();
        pair.b.prompt = "How?";
        (void)written(&settings, &pair, is_of_texts ? FD_EXPORT_ACROSS_PROMPTS : FD_EXPORT_WRITTEN);
        pair.b.prompt = NULL;
        (void)written(&settings, &pair, is_of_texts ? FD_EXPORT_WITHOUT_TEXTS : FD_EXPORT_WRITTEN);
        pair = sample();
        settings.since_ms = pair.label.created_ms + 1;
        (void)written(&settings, &pair, FD_EXPORT_NOT_ASKED_FOR);
    }
}

static void an_arm_is_that_of_a_known_assignment(void **state) {
    (void)state;
    fd_export_settings active = settings_of(&(fd_export_choices){.arm = "active"});
    fd_export_settings control = settings_of(&(fd_export_choices){.arm = "control"});
    fd_labelled_pair pair = sample();
    (void)written(&control, &pair, FD_EXPORT_WRITTEN);
    (void)written(&active, &pair, FD_EXPORT_NOT_ASKED_FOR);
    pair.assignment = (fd_assignment_row){0};
    (void)written(&active, &pair, FD_EXPORT_NOT_ASKED_FOR);
    (void)written(&control, &pair, FD_EXPORT_NOT_ASKED_FOR);
}

/* ---- failures ---- */

static void a_sink_that_is_full_is_an_error_wherever_it_fills(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fd_export_settings settings =
            settings_of(&(fd_export_choices){.format = names[i], .ties = "keep"});
        fd_labelled_pair pair = sample();
        pair.label.preference = FD_PREFER_TIE;
        struct taken whole = written(&settings, &pair, FD_EXPORT_WRITTEN);
        for (size_t room = 0; room < whole.size; room++) {
            struct taken taken = {.room = room};
            const fd_export_sink sink = {take, &taken};
            fd_export_outcome outcome;
            assert_int_equal(fd_export_write(&settings, &pair, &sink, &outcome), -EIO);
        }
    }
}

/* Allocations until one fails; negative: none does. */
static int allocations_left;

static void *allocate(size_t size) {
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return malloc(size);
}

static void a_lack_of_memory_is_an_error_wherever_it_comes(void **state) {
    (void)state;
    json_set_alloc_funcs(allocate, free);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        fd_export_settings settings = settings_of(&(fd_export_choices){.format = names[i]});
        fd_labelled_pair pair = sample();
        int r = -EIO;
        for (int n = 0; r < 0; n++) {
            struct taken taken = {.room = sizeof(taken.bytes)};
            const fd_export_sink sink = {take, &taken};
            fd_export_outcome outcome;
            assert_true(n < 1000);
            allocations_left = n;
            r = fd_export_write(&settings, &pair, &sink, &outcome);
            assert_true(r == 0 || r == -EIO);
            assert_true(r < 0 || taken.size > 10);
        }
    }
    allocations_left = -1;
    json_set_alloc_funcs(malloc, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_preferences_has_all_columns_in_their_order),
        cmocka_unit_test(a_line_of_csv_quotes_what_would_end_a_value),
        cmocka_unit_test(each_line_is_one_line_of_json_that_ends_in_a_newline),
        cmocka_unit_test(what_is_left_out_writes_nothing),
        cmocka_unit_test(an_arm_is_that_of_a_known_assignment),
        cmocka_unit_test(a_sink_that_is_full_is_an_error_wherever_it_fills),
        cmocka_unit_test(a_lack_of_memory_is_an_error_wherever_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
