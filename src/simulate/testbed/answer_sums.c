/* Visits answers, and fits the reward by length to them. */
#include "answer_sums.h"

#include <math.h>

enum { NEWTON_STEPS = 30 };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

typedef void visit_answer(void *context, const fd_weighed_answer *answer);

static void visit_votes(const fd_testbed *testbed, const fd_truth *truth, fd_prompt_role role,
                        visit_answer *visit, void *context) {
    const fd_recorded_votes *votes = truth->votes;
    for (size_t i = 0; i < votes->n_pairs; i++) {
        const fd_voted_pair *pair = &votes->pairs[i];
        if (truth->roles[testbed->prompts[pair->low]] != role ||
            truth->roles[testbed->prompts[pair->high]] != role)
            continue;
        for (size_t j = pair->first; j < pair->first + pair->count; j++)
            visit(context, &(fd_weighed_answer){pair->low, pair->high,
                                                fd_vote_for_low(pair, &votes->votes[j]), 1,
                                                votes->votes[j].preferred == FD_SIDE_NEITHER});
    }
}

static void visit_prompt(const fd_testbed *testbed, const fd_truth *truth, size_t prompt,
                         visit_answer *visit, void *context) {
    for (size_t i = testbed->prompt_start[prompt]; i < testbed->prompt_start[prompt + 1]; i++)
        for (size_t j = testbed->prompt_start[prompt]; j < i; j++) {
            uint32_t a = testbed->items_by_prompt[i], b = testbed->items_by_prompt[j];
            double p = sigmoid((truth->rewards[a] - truth->rewards[b]) / truth->noise);
            visit(context, &(fd_weighed_answer){a, b, p, 1, false});
        }
}

void fd_visit_answers(const fd_testbed *testbed, const fd_truth *truth, fd_prompt_role role,
                      visit_answer *visit, void *context) {
    if (truth->votes) {
        visit_votes(testbed, truth, role, visit, context);
        return;
    }
    for (size_t k = 0; k < testbed->n_prompts; k++)
        if (truth->roles[k] == role)
            visit_prompt(testbed, truth, k, visit, context);
}

/* ---- the reward by length ---- */

struct slope_sums {
    const double *lengths;
    double slope;
    double gradient, curvature;
};

static void add_slope(void *context, const fd_weighed_answer *answer) {
    struct slope_sums *sums = context;
    double x = sums->lengths[answer->a] - sums->lengths[answer->b];
    double q = sigmoid(sums->slope * x);
    sums->gradient += answer->weight * (answer->p - q) * x;
    sums->curvature += answer->weight * q * (1 - q) * x * x;
}

double fd_length_slope(const fd_testbed *testbed, const fd_truth *truth, fd_prompt_role role) {
    double slope = 0;
    for (size_t i = 0; testbed->log_lengths && i < NEWTON_STEPS; i++) {
        struct slope_sums sums = {testbed->log_lengths, slope, 0, 0};
        fd_visit_answers(testbed, truth, role, add_slope, &sums);
        if (sums.curvature < 1e-12)
            return slope;
        double step = sums.gradient / sums.curvature;
        slope += fmin(fmax(step, -1), 1); /* a full step may overshoot where answers are certain */
        if (fabs(step) < 1e-9)
            break;
    }
    return slope;
}
