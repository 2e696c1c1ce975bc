/* The features of texts: against another implementation (tests/golden/text_features.py), and what
 * holds for any text. */
#include "text_features.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rng.h"

static fd_text_extractor *extractor;

enum { MEBIBYTE = 1 << 20, WORDS_MAX = 40 };

static void features_of(const char *prompt, const char *response,
                        double ret[static FD_TEXT_FEATURES]) {
    assert_int_equal(
        fd_text_features(extractor, prompt, strlen(prompt), response, strlen(response), ret), 0);
}

static double feature(size_t which, const char *prompt, const char *response) {
    double values[FD_TEXT_FEATURES];
    features_of(prompt, response, values);
    return values[which];
}

static void assert_near(double value, double expected) {
    if (!(fabs(value - expected) <= 1e-9))
        fail_msg("%.12g is not %.12g", value, expected);
}

/* ---- golden vectors ---- */

static void unescape(char *text) {
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '\\') {
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 'r' ? '\r' : *from == 't' ? '\t' : *from;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static char *repeated(const char *text, size_t times) {
    size_t length = strlen(text);
    char *result = malloc(length * times + 1);
    assert_non_null(result);
    for (size_t i = 0; i < times; i++)
        memcpy(result + i * length, text, length);
    result[length * times] = '\0';
    return result;
}

static void check_line(size_t number, char *line) {
    char *times = strsep(&line, "\t"), *prompt = strsep(&line, "\t"), *text = strsep(&line, "\t");
    unescape(prompt);
    unescape(text);
    FD_FREE char *response = repeated(text, strtoul(times, NULL, 10));
    double values[FD_TEXT_FEATURES];
    features_of(prompt, response, values);
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++) {
        assert_non_null(line);
        double expected = strtod(strsep(&line, "\t"), NULL);
        /* Another zlib may compress a little better or worse. */
        double tolerance = i == FD_TEXT_COMPRESSIBILITY ? 0.05 * expected : 1e-12;
        if (!(fabs(values[i] - expected) <= tolerance))
            fail_msg("line %zu: %s is %.17g, not %.17g", number, fd_text_feature_name(i), values[i],
                     expected);
    }
}

static void features_are_those_of_another_implementation(void **state) {
    (void)state;
    FILE *file = fopen(FISHERD_GOLDEN "/text/features.tsv", "r");
    FD_FREE char *line = NULL;
    size_t size = 0, count = 0;
    assert_non_null(file);
    while (getline(&line, &size, file) > 0)
        check_line(++count, line);
    (void)fclose(file);
    assert_true(count > 100);
}

/* ---- by hand ---- */

static void a_text_that_is_missing_has_none(void **state) {
    (void)state;
    double values[FD_TEXT_FEATURES] = {0};
    assert_int_equal(fd_text_features(extractor, NULL, 0, "text", 4, values), 0);
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        assert_true(isnan(values[i]));
    memset(values, 0, sizeof(values));
    assert_int_equal(fd_text_features(extractor, "text", 4, NULL, 0, values), 0);
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        assert_true(isnan(values[i]));
}

static void an_empty_text_is_a_text(void **state) {
    (void)state;
    static const double expected[FD_TEXT_FEATURES] = {
        [FD_TEXT_WORD_LETTERS] = 4, [FD_TEXT_COMPRESSIBILITY] = 8.0 / 12};
    double values[FD_TEXT_FEATURES];
    features_of("", "", values);
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        assert_near(values[i], expected[i]);
}

static void words_are_the_same_in_any_case(void **state) {
    (void)state;
    assert_near(feature(FD_TEXT_TYPE_TOKEN, "", "Eggs eggs EGGS"), 1 / sqrt(4));
    assert_near(feature(FD_TEXT_OVERLAP, "BOIL the eggs", "Boil THE water"), 2.0 / 4);
    assert_near(feature(FD_TEXT_TYPE_TOKEN, "", "\xc3\x84 \xc3\xa4"), 1 / sqrt(3));
}

static void characters_are_counted_and_not_bytes(void **state) {
    (void)state;
    assert_near(feature(FD_TEXT_LOG_LENGTH, "", "\xe4\xb9\xa6\xe4\xb9\xa6"), log(3));
    assert_near(feature(FD_TEXT_SENTENCE_LENGTH, "", "\xe4\xb9\xa6\xe4\xb9\xa6"), log(3));
    assert_near(feature(FD_TEXT_WORD_LETTERS, "", "\xc3\xa9\xc3\xa9 e"), 1.5);
}

static void bytes_that_are_not_utf8_are_in_no_word(void **state) {
    (void)state;
    assert_near(feature(FD_TEXT_WORD_LETTERS, "", "ab\xff\x63\x64"), 2);
    assert_near(feature(FD_TEXT_LOG_LENGTH, "", "\xff\xff"), log(3));
    assert_near(feature(FD_TEXT_LOG_LENGTH, "", "a\xe4\xb9"), log(3));
}

static void names_are_different_and_have_sentences(void **state) {
    (void)state;
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++) {
        assert_true(strlen(fd_text_feature_sentence(i)) > 0);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(fd_text_feature_name(i), fd_text_feature_name(j));
    }
    assert_string_equal(fd_text_feature_name(FD_TEXT_COSINE), "cosine");
}

static void the_cosine_needs_two_parts_of_one_length(void **state) {
    (void)state;
    static const float embedding[] = {3, 4, 4, 3};
    static const float zeros[] = {0, 0, 4, 3};
    static const float large[] = {1e30F, 1e30F, -1e30F, -1e30F};
    assert_near(fd_text_cosine(embedding, 4, 2), 24.0 / 25);
    assert_near(fd_text_cosine(embedding, 4, 0), 0);
    assert_near(fd_text_cosine(embedding, 4, 1), 0);
    assert_near(fd_text_cosine(embedding, 4, 3), 0);
    assert_near(fd_text_cosine(embedding, 4, 4), 0);
    assert_near(fd_text_cosine(embedding, 4, SIZE_MAX), 0);
    assert_near(fd_text_cosine(zeros, 4, 2), 0);
    assert_near(fd_text_cosine(large, 4, 2), -1);
}

/* ---- any text ---- */

static void draw_text(fd_rng *rng, char *text, size_t size) {
    static const char *const parts[] = {
        "a", "B", "7", " ", "\n", ".", ",", "-", "\"", "\xe4\xb9\xa6", "\xcc\x81", "\xff"};
    size_t length = 0;
    text[0] = '\0';
    while (length + 4 < size && fd_rng_below(rng, 50) > 0) {
        const char *part = parts[fd_rng_below(rng, FD_LENGTH(parts))];
        memcpy(text + length, part, strlen(part) + 1);
        length += strlen(part);
    }
}

static void assert_possible(const double values[static FD_TEXT_FEATURES]) {
    for (size_t i = 0; i < FD_TEXT_FEATURES; i++)
        assert_true(isfinite(values[i]));
    assert_true(values[FD_TEXT_LOG_LENGTH] >= 0 && values[FD_TEXT_TYPE_TOKEN] >= 0);
    assert_true(values[FD_TEXT_LISTS] <= log(2) + values[FD_TEXT_LINES]);
    assert_true(values[FD_TEXT_WORD_LETTERS] >= 1);
    assert_true(values[FD_TEXT_OVERLAP] >= 0 && values[FD_TEXT_OVERLAP] < 1);
    assert_true(values[FD_TEXT_PUNCTUATION] >= 0 && values[FD_TEXT_PUNCTUATION] < 100);
    assert_near(values[FD_TEXT_COSINE], 0);
}

static void features_of_any_texts_are_finite_and_in_range(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(1);
    for (size_t i = 0; i < 3000; i++) {
        char prompt[200], response[200], doubled[400];
        double values[FD_TEXT_FEATURES], twice[FD_TEXT_FEATURES];
        draw_text(&rng, prompt, sizeof(prompt));
        draw_text(&rng, response, sizeof(response));
        (void)snprintf(doubled, sizeof(doubled), "%s\n%s", response, response);
        features_of(prompt, response, values);
        assert_possible(values);
        /* A text twice has the same words, and as many of each kind of thing again. */
        features_of(prompt, doubled, twice);
        assert_near(twice[FD_TEXT_OVERLAP], values[FD_TEXT_OVERLAP]);
        assert_near(twice[FD_TEXT_WORD_LETTERS], values[FD_TEXT_WORD_LETTERS]);
        assert_near(twice[FD_TEXT_LINES], log(2 * exp(values[FD_TEXT_LINES])));
        assert_near(twice[FD_TEXT_LISTS], log(2 * exp(values[FD_TEXT_LISTS]) - 1));
        assert_near(twice[FD_TEXT_LOG_LENGTH], log(2 * exp(values[FD_TEXT_LOG_LENGTH])));
    }
}

static void a_response_that_repeats_the_prompt_shares_all_of_its_words(void **state) {
    (void)state;
    fd_rng rng = fd_rng_seeded(2);
    for (size_t i = 0; i < 500; i++) {
        char text[WORDS_MAX * 8] = "";
        size_t n = fd_rng_below(&rng, WORDS_MAX);
        for (size_t j = 0; j < n; j++)
            (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "w%zu ", j);
        assert_near(feature(FD_TEXT_OVERLAP, text, text), (double)n / (double)(n + 1));
        assert_near(feature(FD_TEXT_TYPE_TOKEN, "", text), (double)n / sqrt((double)n + 1));
    }
}

static void a_hundred_thousand_words_are_as_many_types(void **state) {
    (void)state;
    FD_FREE char *text = calloc(1, MEBIBYTE);
    assert_non_null(text);
    size_t n = 100000, length = 0;
    for (size_t i = 0; i < n; i++)
        length += (size_t)sprintf(text + length, "%zx ", i);
    assert_near(feature(FD_TEXT_TYPE_TOKEN, "", text), (double)n / sqrt((double)n + 1));
}

/* ---- time ---- */

static double seconds_for(const char *text, size_t size) {
    double values[FD_TEXT_FEATURES];
    clock_t start = clock();
    assert_int_equal(fd_text_features(extractor, text, size, text, size, values), 0);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

static void a_mebibyte_of_anything_takes_a_moment(void **state) {
    (void)state;
    static const char *const parts[] = {
        "a", " ", "a ", "\n", "-\n", "?", "\xff", "\xe4\xb9\xa6", "\xcc\x81", "a\xcc\x81", "1.\n"};
    FD_FREE char *text = malloc(MEBIBYTE);
    assert_non_null(text);
    for (size_t i = 0; i < FD_LENGTH(parts); i++) {
        for (size_t j = 0; j < MEBIBYTE; j++)
            text[j] = parts[i][j % strlen(parts[i])];
        assert_true(seconds_for(text, MEBIBYTE) < 5);
    }
    fd_rng rng = fd_rng_seeded(3);
    for (size_t j = 0; j < MEBIBYTE; j++)
        text[j] = (char)fd_rng_below(&rng, 256);
    assert_true(seconds_for(text, MEBIBYTE) < 5);
}

static int make_extractor(void **state) {
    (void)state;
    return fd_text_extractor_new(&extractor);
}

static int free_extractor(void **state) {
    (void)state;
    fd_text_extractor_free(extractor);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(features_are_those_of_another_implementation),
        cmocka_unit_test(a_text_that_is_missing_has_none),
        cmocka_unit_test(an_empty_text_is_a_text),
        cmocka_unit_test(words_are_the_same_in_any_case),
        cmocka_unit_test(characters_are_counted_and_not_bytes),
        cmocka_unit_test(bytes_that_are_not_utf8_are_in_no_word),
        cmocka_unit_test(names_are_different_and_have_sentences),
        cmocka_unit_test(the_cosine_needs_two_parts_of_one_length),
        cmocka_unit_test(features_of_any_texts_are_finite_and_in_range),
        cmocka_unit_test(a_response_that_repeats_the_prompt_shares_all_of_its_words),
        cmocka_unit_test(a_hundred_thousand_words_are_as_many_types),
        cmocka_unit_test(a_mebibyte_of_anything_takes_a_moment),
    };
    return cmocka_run_group_tests(tests, make_extractor, free_extractor);
}
