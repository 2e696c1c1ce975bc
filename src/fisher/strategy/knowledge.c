/*
 * Computes knowledge gradients in whitened coordinates. With M = U'U at the start, every target
 * item has z = U'^-1 (phi - phi of the best item of its group) and every candidate u = U'^-1 d, and
 * the reach z' N u of all items and candidates is kept as a matrix, N being the identity at first.
 * A pick j turns N into N - f c c' with c = N u_j and f = v / (1 + v l), and lowers the reach by
 * f (z'c) (c'u): a rank-one update, in the same walk as the gains.
 */
#include "knowledge.h"

#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "target_clones.h"
#include "whitening.h"

/* Picks until everything is computed again, because the reach is float32. */
#define PICKS_PER_START 256

/* Candidates whose gains are computed at a time, so that their sums stay in the cache. */
#define BLOCK ((size_t)1024)

#define PI 3.14159265358979323846

struct fi_knowledge {
    const fi_problem *problem;
    const fi_target_groups *groups;
    fi_factor *factor; /* of M with all picks */
    size_t picks;      /* since the start */
    size_t n, room;
    const uint32_t *indices;        /* [n] the candidates */
    float *whitened;                /* [m x h] items of the candidates */
    float *whitened_targets;        /* [items of the targets x h] */
    float *rows;                    /* [room x h] u */
    double *leverages;              /* [room] u' N u */
    float *probabilities;           /* [room] p */
    float *up, *down;               /* [room] (1 - p) / (1 + v l) and p / (1 + v l) */
    float *along;                   /* [room] c'u */
    size_t n_targets;               /* items that an answer may make the best of their group */
    size_t *ends;                   /* [groups] the end of those of each group */
    float *gaps;                    /* [n_targets] reward, from that of the best item */
    float *targets;                 /* [n_targets x h] z */
    float *steps;                   /* [n_targets] f z'c of the last pick */
    float *reach;                   /* [n_targets x n] */
    double *inverse;                /* [h x h] N */
    double *difference, *direction; /* [h] */
};

void fi_knowledge_free(fi_knowledge *knowledge) {
    if (!knowledge)
        return;
    fi_factor_free(knowledge->factor);
    free(knowledge->whitened);
    free(knowledge->whitened_targets);
    free(knowledge->rows);
    free(knowledge->leverages);
    free(knowledge->probabilities);
    free(knowledge->up);
    free(knowledge->down);
    free(knowledge->along);
    free(knowledge->ends);
    free(knowledge->gaps);
    free(knowledge->targets);
    free(knowledge->steps);
    free(knowledge->reach);
    free(knowledge->inverse);
    free(knowledge->difference);
    free(knowledge->direction);
    free(knowledge);
}

int fi_knowledge_new(const fi_problem *problem, const fi_target_groups *groups, size_t room,
                     fi_knowledge **ret) {
    FD_CLEANUP(fi_knowledge_freep) fi_knowledge *made = calloc(1, sizeof(*made));
    size_t h = problem->distinct->n_features, members = groups->first[groups->count];
    if (!made)
        return -ENOMEM;
    made->problem = problem;
    made->groups = groups;
    made->room = room;
    made->whitened = calloc(problem->distinct->n_items + 1, h * sizeof(float));
    made->whitened_targets = calloc(groups->items->n_items + 1, h * sizeof(float));
    made->rows = calloc(room + 1, h * sizeof(float));
    made->leverages = calloc(room + 1, sizeof(double));
    made->probabilities = calloc(room + 1, sizeof(float));
    made->up = calloc(room + 1, sizeof(float));
    made->down = calloc(room + 1, sizeof(float));
    made->along = calloc(room + 1, sizeof(float));
    made->ends = calloc(groups->count + 1, sizeof(*made->ends));
    made->gaps = calloc(members + 1, sizeof(float));
    made->targets = calloc(members + 1, h * sizeof(float));
    made->steps = calloc(members + 1, sizeof(float));
    made->reach = calloc(members + 1, (room + 1) * sizeof(float));
    made->inverse = calloc(h, h * sizeof(double));
    made->difference = calloc(h, sizeof(double));
    made->direction = calloc(h, sizeof(double));
    if (!made->whitened || !made->whitened_targets || !made->rows || !made->leverages ||
        !made->probabilities || !made->up || !made->down || !made->along || !made->ends ||
        !made->gaps || !made->targets || !made->steps || !made->reach || !made->inverse ||
        !made->difference || !made->direction)
        return -ENOMEM;
    int r = fi_factor_copy(problem->factor, &made->factor);
    if (r == 0)
        *ret = FD_STEAL(made);
    return r;
}

/* ---- start ---- */

/* Sets u and its leverage for each candidate. Returns the largest leverage. */
static double load_candidates(fi_knowledge *knowledge) {
    size_t h = knowledge->factor->n;
    double largest = 0.0;
    for (size_t c = 0; c < knowledge->n; c++) {
        fi_pair pair = knowledge->problem->distinct->pairs[knowledge->indices[c]];
        const float *a = knowledge->whitened + pair.a * h, *b = knowledge->whitened + pair.b * h;
        float *row = knowledge->rows + c * h;
        for (size_t j = 0; j < h; j++)
            row[j] = a[j] - b[j];
        knowledge->leverages[c] = fi_whitened_square(h, row);
        largest = fmax(largest, knowledge->leverages[c]);
    }
    return largest;
}

/* Keeps an item whose reward an answer may lift to that of the best one: the reach of a candidate
 * is at most |z| |u|, now and after all picks. */
static void keep_target(fi_knowledge *knowledge, uint32_t best, uint32_t item, double largest) {
    const fi_distinct_items *items = knowledge->groups->items;
    size_t h = knowledge->factor->n;
    const float *from = knowledge->whitened_targets + best * h;
    const float *of = knowledge->whitened_targets + item * h;
    float *row = knowledge->targets + knowledge->n_targets * h;
    for (size_t j = 0; j < h; j++)
        row[j] = of[j] - from[j];
    double gap = fi_distinct_items_logit(items, (fi_pair){item, best});
    if (sqrt(fi_whitened_square(h, row) * largest) * (1.0 + 1e-5) > -gap)
        knowledge->gaps[knowledge->n_targets++] = (float)gap;
}

static void load_targets(fi_knowledge *knowledge, double largest) {
    const fi_target_groups *groups = knowledge->groups;
    knowledge->n_targets = 0;
    for (size_t g = 0; g < groups->count; g++) {
        const uint32_t *members = groups->members;
        for (size_t i = groups->first[g] + 1; i < groups->first[g + 1]; i++)
            keep_target(knowledge, members[groups->first[g]], members[i], largest);
        knowledge->ends[g] = knowledge->n_targets;
    }
}

static int start(fi_knowledge *knowledge) {
    size_t h = knowledge->factor->n, n = knowledge->n;
    int r = fi_whiten(knowledge->factor, knowledge->problem->distinct, knowledge->whitened);
    if (r == 0)
        r = fi_whiten(knowledge->factor, knowledge->groups->items, knowledge->whitened_targets);
    if (r)
        return r;
    load_targets(knowledge, load_candidates(knowledge));
    if (n > 0 && knowledge->n_targets > 0)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)knowledge->n_targets, (int)n,
                    (int)h, 1.0f, knowledge->targets, (int)h, knowledge->rows, (int)h, 0.0f,
                    knowledge->reach, (int)n);
    memset(knowledge->inverse, 0, h * h * sizeof(*knowledge->inverse));
    for (size_t i = 0; i < h; i++)
        knowledge->inverse[i * h + i] = 1.0;
    memset(knowledge->steps, 0, knowledge->n_targets * sizeof(*knowledge->steps));
    knowledge->picks = 0;
    return 0;
}

/* ---- gains ---- */

static void share_answers(fi_knowledge *knowledge) {
    for (size_t c = 0; c < knowledge->n; c++) {
        double logit = knowledge->problem->logits[knowledge->indices[c]];
        double weight = knowledge->problem->weights[knowledge->indices[c]];
        double leverage = knowledge->leverages[c];
        double p = fi_probability(logit / sqrt(1.0 + PI * leverage / 8.0));
        double scale = 1.0 / (1.0 + weight * leverage);
        knowledge->probabilities[c] = (float)p;
        knowledge->up[c] = (float)((1.0 - p) * scale);
        knowledge->down[c] = (float)(p * scale);
    }
}

/* Lowers the reach by the last pick, and sets the gains of candidates first … first + count - 1. */
FI_CLONES static void walk(fi_knowledge *knowledge, size_t first, size_t count,
                           double *restrict gains) {
    float won[BLOCK], lost[BLOCK];
    const float *restrict along = knowledge->along + first;
    const float *restrict up = knowledge->up + first, *restrict down = knowledge->down + first;
    const float *restrict p = knowledge->probabilities + first;
    for (size_t c = 0; c < count; c++)
        gains[c] = 0.0;
    for (size_t g = 0, i = 0; g < knowledge->groups->count; g++) {
        if (i == knowledge->ends[g])
            continue;
        memset(won, 0, sizeof(won));
        memset(lost, 0, sizeof(lost));
        for (; i < knowledge->ends[g]; i++) {
            float *restrict reach = knowledge->reach + i * knowledge->n + first;
            float step = knowledge->steps[i], gap = knowledge->gaps[i];
            for (size_t c = 0; c < count; c++) {
                float left = reach[c] - step * along[c];
                float if_a = gap + left * up[c], if_b = gap - left * down[c];
                reach[c] = left;
                won[c] = if_a > won[c] ? if_a : won[c];
                lost[c] = if_b > lost[c] ? if_b : lost[c];
            }
        }
        for (size_t c = 0; c < count; c++)
            gains[c] += (double)(p[c] * won[c] + (1.0f - p[c]) * lost[c]);
    }
}

static void find_gains(fi_knowledge *knowledge, double *gains) {
    share_answers(knowledge);
    for (size_t first = 0; first < knowledge->n; first += BLOCK) {
        size_t left = knowledge->n - first;
        walk(knowledge, first, left < BLOCK ? left : BLOCK, gains + first);
    }
}

int fi_knowledge_of(fi_knowledge *knowledge, size_t n, const uint32_t *indices, double *gains) {
    knowledge->n = n;
    knowledge->indices = indices;
    int r = start(knowledge);
    if (r == 0)
        find_gains(knowledge, gains);
    return r;
}

/* ---- a pick ---- */

/* c'u of all candidates; lowers their leverages by f (c'u)^2. */
FI_CLONES static void move_candidates(fi_knowledge *knowledge, double scale) {
    size_t h = knowledge->factor->n;
    const double *direction = knowledge->direction;
    for (size_t c = 0; c < knowledge->n; c++) {
        const float *row = knowledge->rows + c * h;
        double along = 0.0;
#pragma omp simd reduction(+ : along)
        for (size_t j = 0; j < h; j++)
            along += direction[j] * (double)row[j];
        double leverage = knowledge->leverages[c] - scale * along * along;
        knowledge->leverages[c] = leverage > 0.0 ? leverage : 0.0;
        knowledge->along[c] = (float)along;
    }
}

int fi_knowledge_pick(fi_knowledge *knowledge, size_t place, double *gains) {
    const fi_problem *problem = knowledge->problem;
    uint32_t index = knowledge->indices[place];
    int h = (int)knowledge->factor->n;
    double weight = problem->weights[index];
    double scale = weight / (1.0 + weight * knowledge->leverages[place]);
    fi_distinct_items_difference(problem->distinct, problem->distinct->pairs[index], 1.0,
                                 knowledge->difference);
    fi_factor_update(knowledge->factor, weight, knowledge->difference);
    if (++knowledge->picks == PICKS_PER_START)
        return fi_knowledge_of(knowledge, knowledge->n, knowledge->indices, gains);
    const float *row = knowledge->rows + place * knowledge->factor->n;
    for (int j = 0; j < h; j++)
        knowledge->difference[j] = (double)row[j];
    cblas_dsymv(CblasRowMajor, CblasUpper, h, 1.0, knowledge->inverse, h, knowledge->difference, 1,
                0.0, knowledge->direction, 1);
    cblas_dsyr(CblasRowMajor, CblasUpper, h, -scale, knowledge->direction, 1, knowledge->inverse,
               h);
    for (size_t i = 0; i < knowledge->n_targets; i++)
        knowledge->steps[i] = (float)scale * knowledge->reach[i * knowledge->n + place];
    move_candidates(knowledge, scale);
    find_gains(knowledge, gains);
    return 0;
}
