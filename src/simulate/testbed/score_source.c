/* Reads the names of prior scores, and finds or makes their values. */
#include "score_source.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "npy.h"
#include "rng.h"
#include "text_rules.h"

static const char made_up[] = "like:";

/* So that a score and the answers do not draw the same numbers. */
static const uint64_t score_stream = UINT64_C(0x73636f7265);

static int refuse(const char *text, fd_fault *fault) {
    return fd_fault_set(fault, -EINVAL, "",
                        "scores takes FILE.npy or like:CORRELATION (-1 to 1), and @unknown, "
                        "@trusted or @inverted behind it, not \"%.60s\"",
                        text);
}

static bool read_trust(const char *name, fd_trust *ret) {
    for (size_t i = 0; fd_trust_names[i]; i++)
        if (strcmp(name, fd_trust_names[i]) == 0) {
            *ret = (fd_trust)i;
            return true;
        }
    return false;
}

static bool read_correlation(const char *text, double *ret) {
    char *end;
    *ret = strtod(text, &end);
    return end != text && *end == '\0' && *ret >= -1.0 && *ret <= 1.0;
}

int fd_score_source_read(const char *text, fd_score_source *ret, fd_fault *fault) {
    FD_FREE char *copy = strdup(text);
    *ret = (fd_score_source){.given = true};
    if (!copy)
        return -ENOMEM;
    char *trust = strrchr(copy, '@');
    if (trust)
        *trust++ = '\0';
    if (trust && !read_trust(trust, &ret->trust))
        return refuse(text, fault);
    size_t size = strlen(made_up), length = strlen(copy);
    if (strncmp(copy, made_up, size) == 0)
        return read_correlation(copy + size, &ret->correlation) ? 0 : refuse(text, fault);
    if (length == 0 || length > FD_SCORE_FILE_MAX)
        return refuse(text, fault);
    memcpy(ret->file, copy, length + 1);
    return 0;
}

/* ---- of a file ---- */

static int check_values(const char *path, const double *values, size_t n, fd_fault *fault) {
    char why[FD_RULE_SIZE];
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]) && fd_score_value_rule(values[i], why) < 0)
            return fd_fault_set(fault, -EINVAL, "", "%s: score %zu %s, or NaN for none", path, i,
                                why);
    return 0;
}

static int read_file(const fd_score_source *source, const fd_testbed *testbed, double *values,
                     fd_fault *fault) {
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = NULL;
    FD_FREE char *path = NULL;
    if (!testbed->folder)
        return fd_fault_set(fault, -EINVAL, "", "%.60s has no files, so no scores in %.100s",
                            testbed->name, source->file);
    if (asprintf(&path, "%s/%s", testbed->folder, source->file) < 0)
        return -ENOMEM;
    int r = fd_npy_open(path, &npy, fault);
    if (r < 0)
        return r;
    if (fd_npy_rows(npy) != testbed->n_items || fd_npy_columns(npy) != 1)
        return fd_fault_set(fault, -EINVAL, "",
                            "%s has %zu rows of %zu numbers; it needs one number for each of the "
                            "%zu items",
                            path, fd_npy_rows(npy), fd_npy_columns(npy), testbed->n_items);
    r = fd_npy_read(npy, testbed->n_items, values);
    return r < 0 ? r : check_values(path, values, testbed->n_items, fault);
}

/* ---- made up ---- */

/* values = the rewards less the mean of their prompts; returns their mean square. */
static double centre(const fd_testbed *testbed, const double *rewards, double *values) {
    double square = 0.0;
    for (size_t k = 0; k < testbed->n_prompts; k++) {
        size_t first = testbed->prompt_start[k], end = testbed->prompt_start[k + 1];
        double mean = 0.0;
        for (size_t i = first; i < end; i++)
            mean += rewards[testbed->items_by_prompt[i]] / (double)(end - first);
        for (size_t i = first; i < end; i++) {
            size_t item = testbed->items_by_prompt[i];
            values[item] = rewards[item] - mean;
            square += values[item] * values[item] / (double)testbed->n_items;
        }
    }
    return square;
}

static int make_up(const fd_score_source *source, const fd_testbed *testbed, const double *rewards,
                   uint64_t seed, double *values, fd_fault *fault) {
    if (!rewards)
        return fd_fault_set(fault, -EINVAL, "",
                            "%.60s has no rewards that a made-up score could be like",
                            testbed->name);
    fd_rng rng = fd_rng_seeded(seed ^ score_stream);
    double square = centre(testbed, rewards, values), c = source->correlation;
    double scale = square > 0.0 ? c / sqrt(square) : 0.0, noise = sqrt(1.0 - c * c);
    for (size_t i = 0; i < testbed->n_items; i++)
        values[i] = scale * values[i] + noise * fd_rng_normal(&rng);
    return 0;
}

int fd_score_source_values(const fd_score_source *source, const fd_testbed *testbed,
                           const double *rewards, uint64_t seed, double **ret, fd_fault *fault) {
    FD_FREE double *values = calloc(testbed->n_items + 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    int r = source->file[0] != '\0' ? read_file(source, testbed, values, fault)
                                    : make_up(source, testbed, rewards, seed, values, fault);
    if (r == 0)
        *ret = FD_STEAL(values);
    return r;
}
