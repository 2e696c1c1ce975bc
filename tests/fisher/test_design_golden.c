/*
 * Tests of information, scores and choices against vectors of an independent implementation, if
 * FISHERD_SHARED names a folder of them.
 */
#include "distinct_items.h"
#include "gradient_scores.h"
#include "problems.h"

#include <stdio.h>
#include <unistd.h>

#define MAGIC_SIZE 10

/* One array of a .npy file, version 1, little-endian, row-major. */
typedef struct array {
    size_t count;
    double *values;
} array;

static const char *folder_of(const char *size) {
    static char folder[4096];
    const char *shared = getenv("FISHERD_SHARED");
    snprintf(folder, sizeof(folder), "%s/golden/%s", shared ? shared : ".", size);
    return folder;
}

static double number(const unsigned char *at, char kind, size_t width) {
    if (kind == 'i' && width == 4) {
        int32_t value;
        memcpy(&value, at, sizeof(value));
        return (double)value;
    }
    if (kind == 'i') {
        int64_t value;
        memcpy(&value, at, sizeof(value));
        return (double)value;
    }
    if (width == 4) {
        float value;
        memcpy(&value, at, sizeof(value));
        return (double)value;
    }
    double value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static array load(const char *size, const char *name) {
    char path[5000];
    snprintf(path, sizeof(path), "%s/%s.npy", folder_of(size), name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s is missing", path);
    static unsigned char bytes[1 << 20];
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    assert_true(length > MAGIC_SIZE && length < sizeof(bytes));
    assert_memory_equal(bytes, "\x93NUMPY\x01", 7);
    size_t start = MAGIC_SIZE + (size_t)bytes[8] + 256 * (size_t)bytes[9];
    const char *type = strstr((char *)bytes + MAGIC_SIZE, "'<");
    assert_non_null(type);
    size_t width = (size_t)(type[3] - '0');
    array loaded = {(length - start) / width, NULL};
    loaded.values = problem_memory(loaded.count + 1, sizeof(double));
    for (size_t i = 0; i < loaded.count; i++)
        loaded.values[i] = number(bytes + start + i * width, type[2], width);
    return loaded;
}

/* Makes candidates of one set of pairs: the items of the first sides, then those of the second. */
static problem load_pairs(const char *size, const char *a, const char *b, const array *beta) {
    array first = load(size, a);
    array second = load(size, b);
    size_t h = beta->count;
    size_t n = first.count / h;
    problem made = {
        .features = problem_memory(2 * n * h, sizeof(float)),
        .rewards = problem_memory(2 * n, sizeof(float)),
        .pairs = problem_memory(n, sizeof(fi_pair)),
    };
    for (size_t i = 0; i < n * h; i++) {
        made.features[i] = (float)first.values[i];
        made.features[n * h + i] = (float)second.values[i];
    }
    for (size_t i = 0; i < 2 * n; i++) {
        double reward = 0.0;
        for (size_t j = 0; j < h; j++)
            reward += (double)made.features[i * h + j] * beta->values[j];
        made.rewards[i] = (float)reward;
    }
    for (size_t i = 0; i < n; i++)
        made.pairs[i] = (fi_pair){(uint32_t)i, (uint32_t)(n + i)};
    made.candidates = (fi_candidates){2 * n, h, n, made.features, made.rewards, made.pairs, NULL};
    free(first.values);
    free(second.values);
    return made;
}

/* Compares within 1e-5 of the largest value. */
static void check_array(const double *actual, const char *size, const char *name) {
    array expected = load(size, name);
    double largest = 0.0;
    for (size_t i = 0; i < expected.count; i++)
        largest = fmax(largest, fabs(expected.values[i]));
    for (size_t i = 0; i < expected.count; i++)
        if (!(fabs(actual[i] - expected.values[i]) <= 1e-5 * largest))
            fail_msg("%s[%zu] is %.9g, not %.9g", name, i, actual[i], expected.values[i]);
    free(expected.values);
}

/* Reads a number from info.json, which is flat for these names. */
static double info(const char *size, const char *name) {
    char path[5000];
    char key[80];
    static char text[1 << 16];
    snprintf(path, sizeof(path), "%s/info.json", folder_of(size));
    snprintf(key, sizeof(key), "\"%s\": ", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    const char *at = strstr(text, key);
    assert_non_null(at);
    return strtod(at + strlen(key), NULL);
}

typedef struct vectors {
    const char *size;
    problem candidates;
    problem answered;
    fi_information *past;
    fi_distinct_items *distinct;
    double *weights;
} vectors;

static int load_vectors(void **state) {
    vectors *set = *state;
    if (!getenv("FISHERD_SHARED") || access(folder_of(set->size), R_OK) != 0)
        return 0;
    array beta = load(set->size, "w_fc2_weight");
    set->candidates = load_pairs(set->size, "feat_a_f64", "feat_b_f64", &beta);
    set->answered = load_pairs(set->size, "past_feat_a_f64", "past_feat_b_f64", &beta);
    free(beta.values);
    set->past = information_of(&set->answered.candidates);
    assert_int_equal(fi_distinct_items_new(&set->candidates.candidates, &set->distinct), 0);
    set->weights = problem_memory(set->distinct->n_pairs, sizeof(double));
    for (size_t i = 0; i < set->distinct->n_pairs; i++)
        set->weights[i] = problem_weight(&set->candidates.candidates, i);
    return 0;
}

static int free_vectors(void **state) {
    vectors *set = *state;
    problem_free(&set->candidates);
    problem_free(&set->answered);
    fi_information_free(set->past);
    fi_distinct_items_free(set->distinct);
    free(set->weights);
    return 0;
}

static const vectors *present(void **state) {
    const vectors *set = *state;
    if (!set->distinct) {
        print_message("no golden vectors at %s\n", folder_of(set->size));
        skip();
    }
    return set;
}

static void probabilities_match_the_vectors(void **state) {
    const vectors *set = present(state);
    double *p = problem_memory(set->distinct->n_pairs, sizeof(double));
    for (size_t i = 0; i < set->distinct->n_pairs; i++)
        p[i] = fi_probability(problem_logit(&set->candidates.candidates, i));
    check_array(p, set->size, "p_f64");
    free(p);
}

static void check_information(const vectors *set, const double *weights, const fi_information *past,
                              const char *name) {
    char key[80];
    fi_information *information = NULL;
    fi_factor *factor = NULL;
    size_t h = set->distinct->n_features;
    assert_int_equal(fi_information_new(h, &information), 0);
    assert_int_equal(fi_information_add_weighted(information, set->distinct, weights), 0);
    if (past)
        fi_information_merge(information, past);
    double *matrix = plain_design(h, information, 1e-6);
    snprintf(key, sizeof(key), "FI_%s_f64", name);
    check_array(matrix, set->size, key);
    assert_int_equal(fi_factor_new(information, 1e-6, &factor), 0);
    snprintf(key, sizeof(key), "logdet_%s_f64", name);
    assert_close(fi_factor_logdet(factor), info(set->size, key), 1e-4);
    fi_factor_free(factor);
    free(matrix);
    fi_information_free(information);
}

static void check_scores(const vectors *set, const double *weights, const fi_information *past,
                         const char *name) {
    char key[80];
    double *scores = problem_memory(set->distinct->n_pairs, sizeof(double));
    assert_int_equal(fi_gradient_scores(set->distinct, weights, past, scores), 0);
    snprintf(key, sizeof(key), "grad_%s_f64", name);
    check_array(scores, set->size, key);
    free(scores);
}

static void information_and_its_log_det_match_the_vectors(void **state) {
    const vectors *set = present(state);
    check_information(set, set->weights, NULL, "dopt");
    check_information(set, set->weights, set->past, "pastaware");
    check_information(set, NULL, NULL, "XtX");
}

static void gradient_scores_match_the_vectors(void **state) {
    const vectors *set = present(state);
    check_scores(set, set->weights, NULL, "dopt");
    check_scores(set, set->weights, set->past, "pastaware");
    check_scores(set, NULL, NULL, "XtX");
}

/* All orders in the vectors have gaps above the rounding of float32: more than 2e-5 of the score.
 */
static void choices_match_the_vectors(void **state) {
    static const char *const names[][2] = {{"entropy", "entropy"},
                                           {"maxdiff", "maxdiff"},
                                           {"xtx", "XtX"},
                                           {"dopt", "dopt"},
                                           {"pa-dopt", "pastaware"}};
    static const size_t batch_sizes[] = {5, 25, 125};
    const vectors *set = present(state);
    for (size_t i = 0; i < FD_LENGTH(names); i++) {
        for (size_t s = 0; s < FD_LENGTH(batch_sizes); s++) {
            size_t k = batch_sizes[s];
            char key[80];
            if (k > set->distinct->n_pairs)
                continue;
            snprintf(key, sizeof(key), "mingap_%s_top%zu_f64", names[i][1], k);
            assert_true(info(set->size, key) > 2e-5);
            snprintf(key, sizeof(key), "top%zu_%s_f64", k, names[i][1]);
            array expected = load(set->size, key);
            fi_selection got =
                selected(&set->candidates.candidates, set->past, names[i][0], k, 1.0, 0);
            for (size_t j = 0; j < k; j++)
                if ((double)got.pairs[j] != expected.values[j])
                    fail_msg("%s[%zu] is %u, not %g", key, j, got.pairs[j], expected.values[j]);
            fi_selection_clear(&got);
            free(expected.values);
        }
    }
}

#define WITH(test, set)                                                                            \
    { #test, test, load_vectors, free_vectors, set }

int main(void) {
    vectors sets[] = {{.size = "small"}, {.size = "medium"}};
    int failed = 0;
    for (size_t i = 0; i < FD_LENGTH(sets); i++) {
        const struct CMUnitTest tests[] = {
            WITH(probabilities_match_the_vectors, &sets[i]),
            WITH(information_and_its_log_det_match_the_vectors, &sets[i]),
            WITH(gradient_scores_match_the_vectors, &sets[i]),
            WITH(choices_match_the_vectors, &sets[i]),
        };
        failed += cmocka_run_group_tests_name(sets[i].size, tests, NULL, NULL);
    }
    return failed;
}
