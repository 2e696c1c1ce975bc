/* Records, ids and refusals of imports. */
#include "imported.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What comes out is the same, however the bytes are cut. */
static void check(const fd_import_settings *settings, const char *text, const char *expected) {
    static const size_t pieces[] = {1, 2, 7, 1 << 20};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        char *found = imported(settings, text, strlen(text), pieces[i]);
        char *format = strstr(found, "format items\n");
        if (format)
            *format = '\0';
        assert_string_equal(found, expected);
        free(found);
    }
}

static const fd_import_settings automatic;

#define ITEM "{\"id\":\"i\",\"prompt_id\":\"p\",\"prompt\":\"Why?\",\"response\":\"So.\"}"
#define ITEM_OUT " item i p \"Why?\" \"So.\"\n"

static void test_lines_of_json_are_rows(void **state) {
    (void)state;
    check(&automatic, ITEM "\n" ITEM "\n", "1" ITEM_OUT "2" ITEM_OUT);
    check(&automatic, ITEM, "1" ITEM_OUT);
    check(&automatic, "\n\n" ITEM "\r\n\r\n  \n" ITEM "\r\n", "3" ITEM_OUT "6" ITEM_OUT);
    check(&automatic, "\xef\xbb\xbf" ITEM "\n", "1" ITEM_OUT);
}

static void test_a_list_of_json_gives_the_same_rows(void **state) {
    (void)state;
    check(&automatic, "[" ITEM "," ITEM "]", "1" ITEM_OUT "1" ITEM_OUT);
    check(&automatic, "\n[\n" ITEM "\n  , \n" ITEM "\n]\n", "3" ITEM_OUT "5" ITEM_OUT);
    check(&automatic, "[{\"response\":\"a]}\\\"[\",\n\"id\":\"x\",\"prompt_id\":\"p\"}]",
          "1 item x p null \"a]}\\\"[\"\n");
    check(&automatic, "[]", "");
}

static void test_a_broken_list_says_where(void **state) {
    (void)state;
    check(&automatic, "[" ITEM ",\n" ITEM,
          "1" ITEM_OUT "2 refused : the list does not end: the file may be cut off\n");
    check(&automatic, "[" ITEM "]\n" ITEM "\n",
          "1" ITEM_OUT "2 refused : there is text after the end of the list\n");
    check(&automatic, "[,\n" ITEM ",]",
          "1 refused : an element of the list is missing\n2" ITEM_OUT);
}

static void test_a_table_gives_the_same_rows(void **state) {
    (void)state;
    check(&automatic, "id,prompt_id,prompt,response\r\ni,p,Why?,So.\r\n\r\ni,p,\"Why?\",So.",
          "2" ITEM_OUT "4" ITEM_OUT);
    check(&automatic, "id\tprompt_id\tprompt\tresponse\ni\tp\tWhy?\tSo.\n", "2" ITEM_OUT);
    check(&automatic, "prompt_id;id;response\np;i;a\n", "2 item i p null \"a\"\n");
    check(&automatic,
          "id,prompt_id,response,grade\n1,p,\"one,\n\"\"two\"\"\",good\n2,p,\"\",\n3,p,a\"b,\n",
          "2 item 1 p null \"one,\\n\\\"two\\\"\" {\"grade\":\"good\"}\n"
          "4 item 2 p null \"\"\n"
          "5 item 3 p null \"a\\\"b\"\n");
}

static void test_a_broken_table_says_where(void **state) {
    (void)state;
    check(&automatic, "id,prompt_id,response\ni,p\ni,p,\"a\"b\ni,p,\"open\n",
          "2 refused : it has 2 fields; the line of names has 3\n"
          "3 refused : there is text after a quoted field\n"
          "4 refused : a quoted field does not end\n");
    check(&automatic, "id,id\n1,2\n", "failed -22: two columns have the name \"id\"\n");
    check(&automatic, "id,\n1,2\n", "failed -22: the name of column 2 must not be empty\n");
    check(&automatic, "id,prompt_id,response\ni,p,\xff\n",
          "2 refused : the column \"response\" must be UTF-8 without U+0000\n");
}

static void test_a_bad_row_is_refused_alone(void **state) {
    (void)state;
    check(&automatic, ITEM "\n{\"id\":\n" ITEM "\n",
          "1" ITEM_OUT "2 refused : malformed JSON: unexpected token at line 1, column 6\n"
          "3" ITEM_OUT);
    check(&automatic, ITEM "\n7\n[]\n{\"id\":\"a\",\"id\":\"b\"}\n",
          "1" ITEM_OUT "2 refused : is not a JSON object\n"
          "3 refused : is not a JSON object\n"
          "4 refused : malformed JSON: duplicate object key at line 1, column 14\n");
    check(&automatic,
          ITEM "\n{\"id\":7,\"prompt_id\":\"p\"}\n{\"id\":\"\",\"prompt_id\":\"p\"}\n"
               "{\"id\":\"i\",\"prompt_id\":\"p\",\"scores\":{\"a\":\"b\"}}\n"
               "{\"id\":\"i\",\"prompt_id\":\"p\",\"embedding\":[1,1e39]}\n",
          "1" ITEM_OUT "2 refused /id: must be a text\n3 refused /id: must not be empty\n"
          "4 refused /scores/a: must be a number from -1e+06 to 1e+06\n"
          "5 refused /embedding/1: must be at most 1000000 in absolute value\n");
}

static void test_a_row_that_is_too_long_is_dropped_as_it_comes(void **state) {
    (void)state;
    const fd_import_settings settings = {.record_max = 80};
    char text[600], long_line[200];
    memset(long_line, 'x', sizeof(long_line) - 1);
    long_line[sizeof(long_line) - 1] = '\0';
    (void)snprintf(text, sizeof(text), ITEM "\n{\"id\":\"%s\"}\n" ITEM "\n", long_line);
    check(&settings, text, "1" ITEM_OUT "2 refused : is longer than 80 bytes\n3" ITEM_OUT);
    (void)snprintf(text, sizeof(text), "[" ITEM ",\n{\"id\":\"]%s\"},\n" ITEM "]", long_line);
    check(&settings, text, "1" ITEM_OUT "2 refused : is longer than 80 bytes\n3" ITEM_OUT);
}

static void test_ids_that_are_missing_are_hashes_of_the_texts(void **state) {
    (void)state;
    check(&automatic,
          "{\"prompt\":\"Why?\",\"response\":\"So.\"}\n{\"prompt\":\"Why?\"}\n"
          "{\"response\":\"So.\"}\n",
          "1 item derived derived \"Why?\" \"So.\"\n2 refused /response: is required\n"
          "3 refused /prompt: is required\n");
}

static int keep_ids(void *context, const fd_imported_row *row) {
    char(*ids)[64] = context;
    (void)snprintf(ids[0], 64, "%s", row->items[0].row.id);
    (void)snprintf(ids[1], 64, "%s", row->items[0].row.prompt_id);
    return 0;
}

static int refuse_all(void *context, const fd_import_refusal *refusal) {
    (void)context;
    fail_msg("%s", refusal->reason);
    return 0;
}

/* Counted with hashlib.blake2b(digest_size=16) of Python over the lengths and texts. */
static void test_hashes_never_change(void **state) {
    (void)state;
    char ids[2][64];
    fd_import_parser *parser;
    fd_fault fault;
    const fd_import_sink sink = {keep_ids, refuse_all, ids};
    static const char text[] = "{\"prompt\":\"Why?\",\"response\":\"So.\"}";
    assert_int_equal(fd_import_parser_open(&automatic, &sink, &parser, &fault), 0);
    assert_int_equal(fd_import_parser_feed(parser, text, strlen(text), &fault), 0);
    assert_int_equal(fd_import_parser_end(parser, &fault), 0);
    fd_import_parser_close(parser);
    assert_string_equal(ids[0], "item-8ed06a7ef2758f7cc87e8150f3076b1c");
    assert_string_equal(ids[1], "prompt-a85be838a95ea2d7279ec96463edec2b");
}

static void test_members_are_mapped(void **state) {
    (void)state;
    const fd_import_settings settings = {
        .map = "response=completion,prompt=query.text,scores=metadata.judge"};
    check(&settings,
          "{\"id\":\"i\",\"prompt_id\":\"p\",\"completion\":\"c\",\"query\":{\"text\":\"q\"},"
          "\"metadata\":{\"judge\":3}}\n"
          "{\"id\":\"i\",\"prompt_id\":\"p\",\"completion\":\"c\",\"response\":\"r\"}\n",
          "1 item i p \"q\" \"c\" {\"judge\":3,\"query\":{\"text\":\"q\"}} judge=3\n"
          "2 refused /response: is there beside \"completion\"\n");
    check(&(fd_import_settings){.map = "response"}, "",
          "failed -22: a map is to=from, not \"response\"\n");
    check(&(fd_import_settings){.map = "a=b,a=c"}, "", "failed -22: \"a\" is mapped twice\n");
}

static void test_turns_become_a_prompt(void **state) {
    (void)state;
    check(&automatic,
          "{\"prompt\":[{\"role\":\"user\",\"content\":\"Why?\"}],\"response\":\"So.\"}\n"
          "{\"prompt\":[{\"role\":\"system\",\"content\":\"Be short.\"},{\"from\":\"human\","
          "\"value\":\"Why?\"}],\"response\":\"So.\"}\n"
          "{\"prompt\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Look:\"},"
          "{\"type\":\"image_url\",\"image_url\":{}}]}],\"response\":\"So.\"}\n"
          "{\"prompt\":[{\"role\":\"user\"}],\"response\":\"So.\"}\n",
          "1 item derived derived \"Why?\" \"So.\"\n"
          "2 item derived derived \"[{\\\"role\\\":\\\"system\\\",\\\"content\\\":\\\"Be "
          "short.\\\"},{\\\"role\\\":\\\"user\\\",\\\"content\\\":\\\"Why?\\\"}]\" \"So.\"\n"
          "3 item derived derived \"Look:\\n[image]\" \"So.\"\n"
          "4 refused /prompt: must be a list of {\"role\", \"content\"}\n");
}

static void test_files_of_other_kinds_are_named(void **state) {
    (void)state;
    check(&automatic, "PAR1....\n",
          "failed -22: it is a Parquet file, not JSON or CSV; docs/DATA.md says how to convert "
          "it\n");
    check(&automatic, "\x1f\x8b....\n",
          "failed -22: it is compressed by gzip, not JSON or CSV; docs/DATA.md says how to convert "
          "it\n");
    char *found = imported(&(fd_import_settings){.format = "xml"}, "", 0, 1);
    assert_non_null(strstr(found, "the format \"xml\" is not one of auto, csv, tsv, "));
    free(found);
}

static void test_rows_that_fit_no_format_end_it_after_ten(void **state) {
    (void)state;
    char text[256] = "", expected[1024] = "";
    for (int i = 1; i <= 10; i++) {
        size_t length = strlen(expected);
        (void)strcat(text, "{\"x\":1,\"y\":2}\n");
        if (i < 10)
            (void)snprintf(expected + length, sizeof(expected) - length,
                           "%d refused : fits none of the formats\n", i);
    }
    (void)strcat(expected,
                 "failed -22: the format cannot be told from a row with the members x, y; "
                 "name the format or map members\n");
    check(&automatic, text, expected);
}

static void test_a_file_of_nothing_has_no_rows(void **state) {
    (void)state;
    check(&automatic, "", "");
    check(&automatic, "\n \r\n", "");
    check(&automatic, "id,prompt_id,response\n", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_json_are_rows),
        cmocka_unit_test(test_a_list_of_json_gives_the_same_rows),
        cmocka_unit_test(test_a_broken_list_says_where),
        cmocka_unit_test(test_a_table_gives_the_same_rows),
        cmocka_unit_test(test_a_broken_table_says_where),
        cmocka_unit_test(test_a_bad_row_is_refused_alone),
        cmocka_unit_test(test_a_row_that_is_too_long_is_dropped_as_it_comes),
        cmocka_unit_test(test_ids_that_are_missing_are_hashes_of_the_texts),
        cmocka_unit_test(test_hashes_never_change),
        cmocka_unit_test(test_members_are_mapped),
        cmocka_unit_test(test_turns_become_a_prompt),
        cmocka_unit_test(test_files_of_other_kinds_are_named),
        cmocka_unit_test(test_rows_that_fit_no_format_end_it_after_ten),
        cmocka_unit_test(test_a_file_of_nothing_has_no_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
