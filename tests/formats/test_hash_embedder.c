/* The hash embedder: which texts are near each other, and what never changes. */
#include "hash_embedder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "macros.h"

enum { MEBIBYTE = 1 << 20, FIRSTS = 14 };

static const char sample[] = "Boil the eggs for seven minutes, then cool them in cold water.";

static double length_of(const float *embedding, size_t size) {
    double squares = 0;
    for (size_t i = 0; i < size; i++)
        squares += (double)embedding[i] * (double)embedding[i];
    return sqrt(squares);
}

static double distance(const float *a, const float *b) {
    double squares = 0;
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        squares += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    return sqrt(squares);
}

static double distance_of(const char *left, const char *right) {
    float a[FD_EMBED_SIZE], b[FD_EMBED_SIZE];
    fd_hash_embed(left, strlen(left), a);
    fd_hash_embed(right, strlen(right), b);
    return distance(a, b);
}

static void assert_unit(const char *text, size_t size) {
    float embedding[FD_EMBED_SIZE];
    fd_hash_embed(text, size, embedding);
    assert_true(fabs(length_of(embedding, FD_EMBED_SIZE) - 1) < 1e-5);
}

static void the_same_text_has_the_same_embedding(void **state) {
    (void)state;
    float first[FD_EMBED_SIZE], second[FD_EMBED_SIZE];
    memset(first, 1, sizeof(first));
    memset(second, 2, sizeof(second));
    fd_hash_embed(sample, strlen(sample), first);
    fd_hash_embed(sample, strlen(sample), second);
    assert_memory_equal(first, second, sizeof(first));
}

static void an_embedding_has_length_one(void **state) {
    (void)state;
    static const char *const texts[] = {sample, "a", "7", "?", " ", "\n\n", "caf\xc3\xa9", "a b"};
    for (size_t i = 0; i < FD_LENGTH(texts); i++)
        assert_unit(texts[i], strlen(texts[i]));
}

static void an_empty_text_is_all_zeros(void **state) {
    (void)state;
    float embedding[FD_EMBED_SIZE];
    memset(embedding, 1, sizeof(embedding));
    fd_hash_embed("", 0, embedding);
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        assert_true(embedding[i] == 0);
}

static void bytes_past_the_size_are_ignored(void **state) {
    (void)state;
    float whole[FD_EMBED_SIZE], part[FD_EMBED_SIZE];
    fd_hash_embed("plant tulips", 12, whole);
    fd_hash_embed("plant tulips. Now", 12, part);
    assert_memory_equal(whole, part, sizeof(whole));
}

static void the_order_of_words_matters_a_little(void **state) {
    (void)state;
    double reordered = distance_of("the dog chased the grey cat", "the grey cat chased the dog");
    assert_true(reordered > 0.1);
    assert_true(reordered <
                distance_of("the dog chased the grey cat", "a boat left for an island"));
}

static void texts_that_share_words_are_nearer(void **state) {
    (void)state;
    static const char text[] = "Water the tomatoes in the morning, at the roots.";
    static const char near[] = "In the morning, water at the roots of tomatoes and beans.";
    static const char far[] = "Photons carry energy proportional to frequency.";
    assert_true(distance_of(text, near) < 0.8 * distance_of(text, far));
}

static void words_with_the_same_stem_are_nearer(void **state) {
    (void)state;
    assert_true(distance_of("gardening", "gardener") < 0.95 * distance_of("gardening", "physics"));
}

static void a_long_word_does_not_outweigh_the_rest(void **state) {
    (void)state;
    static const char text[] = "we like tea incomprehensibilities";
    double without_long = distance_of(text, "we like tea");
    assert_true(without_long < distance_of(text, "incomprehensibilities"));
}

static void repeated_words_count_less_each_time(void **state) {
    (void)state;
    double first = distance_of("tea with milk", "tea tea with milk");
    double fifth =
        distance_of("tea tea tea tea tea with milk", "tea tea tea tea tea tea with milk");
    assert_true(fifth < first);
}

static void the_case_of_letters_does_not_matter(void **state) {
    (void)state;
    assert_true(distance_of(sample, "BOIL the Eggs FOR seven MINUTES, Then cool them in COLD "
                                    "water.") == 0);
}

static void separators_between_words_matter_a_little(void **state) {
    (void)state;
    double changed = distance_of("red, green; blue", "red green blue");
    assert_true(changed > 0);
    assert_true(changed < 0.25);
}

static void the_measures_grow_with_the_text(void **state) {
    (void)state;
    float once[FD_EMBED_SIZE], twice[FD_EMBED_SIZE];
    fd_hash_embed("Rain falls. Rain falls.", 11, once);
    fd_hash_embed("Rain falls. Rain falls.", 23, twice);
    for (size_t i = FD_EMBED_SIZE - 4; i < FD_EMBED_SIZE - 1; i++)
        assert_true(twice[i] > once[i]);
}

static void a_non_ascii_letter_is_one_character_of_a_word(void **state) {
    (void)state;
    /* Taken byte by byte, the words would share pieces: the first bytes of the last letters are
     * equal. */
    assert_true(distance_of("\xc3\xb1\xc3\xa9", "\xc3\xb1\xc3\xa8") > 1.24);
}

static void a_mebibyte_is_embedded(void **state) {
    (void)state;
    static const char *const patterns[] = {"the quick onion ", "x", "\x80", "a ", "?"};
    FD_FREE char *text = malloc(MEBIBYTE);
    assert_non_null(text);
    for (size_t k = 0; k < FD_LENGTH(patterns); k++) {
        size_t period = strlen(patterns[k]);
        for (size_t i = 0; i < MEBIBYTE; i++)
            text[i] = patterns[k][i % period];
        assert_unit(text, MEBIBYTE);
    }
    uint64_t noise = 1;
    for (size_t i = 0; i < MEBIBYTE; i++) {
        noise = noise * 6364136223846793005U + 1442695040888963407U;
        text[i] = (char)(noise >> 56);
    }
    assert_unit(text, MEBIBYTE);
}

static void invalid_utf8_is_embedded(void **state) {
    (void)state;
    static const char *const texts[] = {"\x80",     "\xff\xfe\xfd", "\xc3",
                                        "a\xc3 b",  "\xed\xa0\x80", "\xf8\x88\x80\x80\x80",
                                        "\xe2\x82", "\xc0\xaf"};
    for (size_t i = 0; i < FD_LENGTH(texts); i++)
        assert_unit(texts[i], strlen(texts[i]));
    assert_unit("a\0b", 3);
    for (int high = 0; high < 256; high++)
        for (int low = 0; low < 256; low += 5) {
            char pair[2] = {(char)high, (char)low};
            assert_unit(pair, sizeof(pair));
        }
}

static void an_item_is_its_prompt_at_half_length_and_its_response(void **state) {
    (void)state;
    float item[2 * FD_EMBED_SIZE], prompt[FD_EMBED_SIZE], response[FD_EMBED_SIZE];
    fd_hash_embed_item("How long do eggs boil?", sample, item);
    fd_hash_embed("How long do eggs boil?", 22, prompt);
    fd_hash_embed(sample, strlen(sample), response);
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        assert_true(item[i] == prompt[i] / 2);
    assert_memory_equal(item + FD_EMBED_SIZE, response, sizeof(response));
}

static void an_item_may_have_no_prompt_or_response(void **state) {
    (void)state;
    float item[2 * FD_EMBED_SIZE];
    fd_hash_embed_item(NULL, sample, item);
    assert_true(length_of(item, FD_EMBED_SIZE) == 0);
    fd_hash_embed_item(sample, NULL, item);
    assert_true(length_of(item + FD_EMBED_SIZE, FD_EMBED_SIZE) == 0);
    fd_hash_embed_item(NULL, NULL, item);
    assert_true(length_of(item, FD_LENGTH(item)) == 0);
}

/* A change of these numbers breaks databases: stored embeddings would no longer match new ones. */
static void the_hash_never_changes(void **state) {
    (void)state;
    static const struct {
        size_t slot;
        double value;
    } golden[] = {{1, 0.2075129},    {3, 0.0441218},   {17, -0.0509474},  {20, -0.0441218},
                  {25, 0.0360253},   {27, 0.0882435},  {28, 0.0953139},   {32, 0.0441218},
                  {38, 0.1083701},   {40, -0.1133450}, {43, -0.0509474},  {54, 0.0509474},
                  {59, -0.0623976},  {64, -0.2075129}, {508, -0.1334800}, {509, -0.1031580},
                  {510, -0.0580003}, {511, -0.0127537}};
    float embedding[FD_EMBED_SIZE];
    fd_hash_embed(sample, strlen(sample), embedding);
    size_t seen = 0;
    for (size_t i = 0; i < FD_EMBED_SIZE; i++)
        if (seen < FD_LENGTH(golden) && golden[seen].slot == i)
            assert_true(fabs((double)embedding[i] - golden[seen++].value) < 1e-6);
        else if (i < golden[FIRSTS - 1].slot)
            assert_true(embedding[i] == 0);
    assert_int_equal(seen, FD_LENGTH(golden));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_text_has_the_same_embedding),
        cmocka_unit_test(an_embedding_has_length_one),
        cmocka_unit_test(an_empty_text_is_all_zeros),
        cmocka_unit_test(bytes_past_the_size_are_ignored),
        cmocka_unit_test(the_order_of_words_matters_a_little),
        cmocka_unit_test(texts_that_share_words_are_nearer),
        cmocka_unit_test(words_with_the_same_stem_are_nearer),
        cmocka_unit_test(a_long_word_does_not_outweigh_the_rest),
        cmocka_unit_test(repeated_words_count_less_each_time),
        cmocka_unit_test(the_case_of_letters_does_not_matter),
        cmocka_unit_test(separators_between_words_matter_a_little),
        cmocka_unit_test(the_measures_grow_with_the_text),
        cmocka_unit_test(a_non_ascii_letter_is_one_character_of_a_word),
        cmocka_unit_test(a_mebibyte_is_embedded),
        cmocka_unit_test(invalid_utf8_is_embedded),
        cmocka_unit_test(an_item_is_its_prompt_at_half_length_and_its_response),
        cmocka_unit_test(an_item_may_have_no_prompt_or_response),
        cmocka_unit_test(the_hash_never_changes),
    };
    return cmocka_run_group_tests_name("hash embedder", tests, NULL, NULL);
}
