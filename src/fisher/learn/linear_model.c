/* Fits the last layer of a linear model, with lambda given or found by the evidence. */
#include <errno.h>
#include <fisher/learn.h>

/* The mean of |phi|^2 over the items of the answers. With this prior precision their rewards have a
 * standard deviation of about 1. */
static int mean_square(size_t n_items, size_t n_features, const float *features,
                       const fi_answers *answers, double *ret) {
    double sum = 0.0;
    for (size_t i = 0; i < answers->count; i++) {
        const uint32_t sides[] = {answers->pairs[i].a, answers->pairs[i].b};
        for (size_t side = 0; side < 2; side++) {
            if (sides[side] >= n_items)
                return -EINVAL;
            const float *row = features + sides[side] * n_features;
            for (size_t j = 0; j < n_features; j++)
                sum += (double)row[j] * (double)row[j];
        }
    }
    *ret = sum / (2.0 * (double)answers->count);
    return 0;
}

int fi_learn_linear(size_t n_items, size_t n_features, const float *features,
                    const fi_answers *answers, const fi_refit_options *options, double *beta,
                    double *precision, fi_refit_result *ret) {
    if (answers->count == 0)
        return -EINVAL;
    if (options->prior_precision != 0.0) {
        int r = fi_refit(n_items, n_features, features, answers, options, beta, ret);
        if (r == 0)
            *precision = options->prior_precision;
        return r;
    }
    double guess;
    int r = mean_square(n_items, n_features, features, answers, &guess);
    if (r < 0)
        return r;
    fi_refit_options guided = *options;
    guided.prior_guess = guess + FI_PRECISION_LEAST;
    double found = *precision > 0.0 ? *precision : guided.prior_guess;
    r = fi_refit_evidence(n_items, n_features, features, answers, &guided, beta, &found, ret);
    if (r == 0)
        *precision = found;
    return r;
}
