/* Estimates the slopes of annotators in turn with the last layer. */
#include <fisher/reliability.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "crowd_logits.h"
#include "fitted_layer.h"
#include "fitted_reliabilities.h"

enum { ROUNDS = 5, STEPS = 60 };

/* Of x: 1 / variance. */
#define PRECISION 2.0

/* After the first round, where bad answers still bend the rewards, a slope is worth another look if
 * the chance of one so low is below this. */
#define WORTH_A_LOOK 1.0

/* ---- one slope ---- */

struct slope_fit {
    double gradient;
    double curvature;
};

/* Of share sum loss(x u, t) + (x - 1)^2 in x. */
static struct slope_fit evaluate(size_t count, const double *logits, const float *targets,
                                 double share, double x) {
    struct slope_fit at = {PRECISION * (x - 1.0), PRECISION};
    for (size_t i = 0; i < count; i++) {
        double p = fi_probability(x * logits[i]);
        at.gradient += share * logits[i] * (p - (double)targets[i]);
        at.curvature += share * logits[i] * logits[i] * fi_weight(x * logits[i]);
    }
    return at;
}

/* The gradient grows with x. Newton's method finds where it is 0; a step that leaves the interval
 * in which that is known to lie is replaced by the middle of it. */
void fi_reliability_find(size_t count, const double *logits, const float *targets, double share,
                         double *ret_value, double *ret_stddev) {
    double low = FI_RELIABILITY_LEAST, high = FI_RELIABILITY_MOST, x = 1.0;
    if (evaluate(count, logits, targets, share, low).gradient >= 0.0)
        high = x = low;
    else if (evaluate(count, logits, targets, share, high).gradient <= 0.0)
        low = x = high;
    struct slope_fit at = evaluate(count, logits, targets, share, x);
    for (int step = 0; step < STEPS && high - low > 1e-14 && at.gradient != 0.0; step++) {
        *(at.gradient > 0.0 ? &high : &low) = x;
        double next = x - at.gradient / at.curvature;
        x = next > low && next < high ? next : (low + high) / 2.0;
        at = evaluate(count, logits, targets, share, x);
        if (fabs(at.gradient) <= 1e-13 * at.curvature)
            break;
    }
    *ret_value = x;
    *ret_stddev = 1.0 / sqrt(at.curvature);
}

/* ---- all slopes ---- */

/* The answers, sorted by annotator. */
struct sorted {
    size_t *start;    /* [count + 1] of each annotator's */
    size_t *order;    /* [answers] */
    double *logits;   /* [answers] u, sorted */
    float *targets;   /* [answers] sorted */
    float *slopes;    /* [answers] x, in the order of the answers */
    size_t answering; /* annotators with answers */
    size_t most;      /* answers of one of them */
};

static void sorted_clear(struct sorted *sorted) {
    free(sorted->start);
    free(sorted->order);
    free(sorted->logits);
    free(sorted->targets);
    free(sorted->slopes);
}

static int sort_answers(const fi_answers *answers, size_t annotators, struct sorted *ret) {
    size_t n = answers->count;
    ret->start = calloc(annotators + 2, sizeof(*ret->start));
    ret->order = calloc(n + 1, sizeof(*ret->order));
    ret->logits = calloc(n + 1, sizeof(*ret->logits));
    ret->targets = calloc(n + 1, sizeof(*ret->targets));
    ret->slopes = calloc(n + 1, sizeof(*ret->slopes));
    if (!ret->start || !ret->order || !ret->logits || !ret->targets || !ret->slopes)
        return -ENOMEM;
    /* A counting sort. While it runs, start is shifted by one place. */
    for (size_t i = 0; i < n; i++)
        ret->start[answers->annotators[i] + 1]++;
    for (size_t w = 0; w < annotators; w++) {
        ret->answering += ret->start[w + 1] > 0;
        ret->most = ret->start[w + 1] > ret->most ? ret->start[w + 1] : ret->most;
        ret->start[w + 1] += ret->start[w];
    }
    for (size_t i = 0; i < n; i++) {
        size_t place = ret->start[answers->annotators[i]]++;
        ret->order[place] = i;
        ret->targets[place] = answers->targets[i];
        ret->slopes[i] = 1.0f;
    }
    memmove(ret->start + 1, ret->start, annotators * sizeof(*ret->start));
    ret->start[0] = 0;
    return 0;
}

/* The second step: each slope at the logits of the layer without the annotator's answers. */
static int find_slopes(size_t h, const float *features, const fi_answers *sloped,
                       const fi_last_layer *layer, struct sorted *sorted, fi_reliabilities *ret) {
    FD_CLEANUP(fi_crowd_clear) fi_crowd crowd = {0};
    int r = fi_crowd_init(&crowd, h, features, sloped, layer, sorted->most);
    for (size_t w = 0; w < ret->count && r == 0; w++) {
        size_t first = sorted->start[w], count = sorted->start[w + 1] - first;
        if (count == 0)
            continue;
        double rho = fi_crowd_logits(&crowd, count, sorted->order + first, sorted->logits + first);
        fi_reliability_find(count, sorted->logits + first, sorted->targets + first,
                            rho / layer->design_effect, &ret->values[w], &ret->stddevs[w]);
    }
    /* Now that no fit looks at the former ones. */
    for (size_t w = 0; w < ret->count && r == 0; w++)
        for (size_t i = sorted->start[w]; i < sorted->start[w + 1]; i++)
            sorted->slopes[sorted->order[i]] = (float)ret->values[w];
    return r;
}

static double least_chance(const fi_reliabilities *reliabilities) {
    size_t least = 0;
    double below = -INFINITY;
    for (size_t w = 0; w < reliabilities->count; w++) {
        double own = (1.0 - reliabilities->values[w]) / reliabilities->stddevs[w];
        if (own > below) {
            below = own;
            least = w;
        }
    }
    return fi_reliability_chance(reliabilities, least);
}

/* The fits leave no block out: leaving answers out needs the inverse of one Hessian. */
static int alternate(size_t n_items, size_t h, const float *features, const fi_answers *answers,
                     const fi_last_layer_options *given, const fi_last_layer *start,
                     struct sorted *sorted, fi_reliabilities *ret) {
    FD_CLEANUP(fi_last_layer_freep) fi_last_layer *layer = NULL;
    fi_block blocks[FI_BLOCKS_MAX];
    fi_last_layer_options options = *given;
    for (size_t g = 0; g < given->n_blocks && g < FI_BLOCKS_MAX; g++) {
        blocks[g] = given->blocks[g];
        blocks[g].averaged = false;
    }
    options.blocks = blocks;
    fi_answers sloped = *answers;
    sloped.reliabilities = sorted->slopes;
    for (int round = 0; round < ROUNDS; round++) {
        fi_last_layer *next;
        int r = fi_last_layer_fit(n_items, h, features, &sloped, &options, layer ? layer : start,
                                  &next);
        if (r < 0)
            return r;
        fi_last_layer_free(layer);
        layer = next;
        r = find_slopes(h, features, &sloped, layer, sorted, ret);
        if (r < 0 || (round == 0 && least_chance(ret) >= WORTH_A_LOOK))
            return r;
    }
    for (size_t w = 0; w < ret->count; w++)
        ret->matter = ret->matter || fi_reliability_is_low(ret, w);
    return 0;
}

static int count_annotators(const fi_answers *answers, size_t *ret) {
    *ret = 0;
    if (!answers->annotators)
        return -EINVAL;
    for (size_t i = 0; i < answers->count; i++) {
        if (answers->annotators[i] >= FI_ANNOTATORS_MAX)
            return -EINVAL;
        *ret = answers->annotators[i] >= *ret ? (size_t)answers->annotators[i] + 1 : *ret;
    }
    return 0;
}

int fi_reliabilities_fit(size_t n_items, size_t n_features, const float *features,
                         const fi_answers *answers, const fi_last_layer_options *options,
                         const fi_last_layer *start, fi_reliabilities **ret) {
    FD_CLEANUP(sorted_clear) struct sorted sorted = {0};
    FD_CLEANUP(fi_reliabilities_freep) fi_reliabilities *made = NULL;
    size_t annotators;
    int r = count_annotators(answers, &annotators);
    if (r == 0)
        r = fi_reliabilities_new(annotators, &made);
    if (r == 0)
        r = sort_answers(answers, annotators, &sorted);
    if (r == 0 && sorted.answering >= 2)
        r = alternate(n_items, n_features, features, answers, options, start, &sorted, made);
    if (r == 0)
        *ret = FD_STEAL(made);
    return r;
}
