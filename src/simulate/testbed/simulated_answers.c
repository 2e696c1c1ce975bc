/* Bradley-Terry answers, with ties after Davidson, whose coins are hashes; and replayed votes. */
#include "simulated_answers.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

#include "hash_draws.h"

/* What a hash of a question decides; each has numbers of its own. */
enum { DRAW_SIDE = 1, DRAW_ANNOTATOR, DRAW_FAULT };

static uint64_t hash_of(uint64_t seed, uint32_t low, uint32_t high) {
    return fd_hash_mix(fd_hash_mix(fd_hash_mix(0, seed), low), high);
}

static fd_answer replay(const fd_answering *answering, uint32_t a, uint32_t b,
                        uint64_t repetition) {
    const fd_voted_pair *pair = fd_recorded_votes_find(answering->votes, a, b);
    assert(pair); /* only pairs with votes are asked */
    uint64_t hash = hash_of(answering->seed, pair->low, pair->high);
    const fd_vote *vote =
        &answering->votes->votes[pair->first + (hash % pair->count + repetition) % pair->count];
    return (fd_answer){
        .left = vote->left, .right = vote->right, .preferred = vote->preferred, .vote = vote};
}

/* Whether the annotator does not judge the pair by its rewards this time. */
static bool fails(const fd_annotator *annotator, uint64_t hash) {
    return annotator->model != FD_ANNOTATOR_HONEST &&
           fd_hash_uniform(fd_hash_mix(hash, DRAW_FAULT)) < annotator->number;
}

fd_answer fd_answer_question(const fd_answering *answering, uint32_t a, uint32_t b,
                             uint64_t repetition) {
    if (answering->votes)
        return replay(answering, a, b, repetition);
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    uint64_t pair_hash = hash_of(answering->seed, low, high);
    uint64_t hash = fd_hash_mix(pair_hash, repetition);
    /* Several answers to a pair come from as many annotators. */
    uint64_t who =
        (fd_hash_mix(pair_hash, UINT64_MAX - DRAW_ANNOTATOR) % answering->mix->count + repetition) %
        answering->mix->count;
    const fd_annotator *annotator = &answering->mix->annotators[who];
    bool low_is_left = fd_hash_uniform(fd_hash_mix(hash, DRAW_SIDE)) < 0.5;
    fd_answer answer = {
        .left = low_is_left ? low : high, .right = low_is_left ? high : low, .annotator = who};
    double t = (answering->rewards[low] - answering->rewards[high]) / answering->noise;
    if (annotator->model == FD_ANNOTATOR_HONEST)
        t /= annotator->number;
    else if (fails(annotator, hash) && annotator->model == FD_ANNOTATOR_LEFT)
        return answer; /* the left side is preferred */
    else if (fails(annotator, hash))
        t = annotator->model == FD_ANNOTATOR_INVERTED ? -t : 0;
    /* Of a pair of equal reward nu / (2 + nu) are ties. */
    double nu = 2 * answering->ties / (1 - answering->ties);
    double low_weight = exp(fmin(t, 0)), high_weight = exp(fmin(-t, 0));
    double tie_weight = nu * exp(-fabs(t) / 2), all = low_weight + high_weight + tie_weight;
    double coin = fd_hash_uniform(hash) * all;
    bool prefers_low = coin < low_weight;
    answer.preferred = prefers_low == low_is_left ? FD_SIDE_LEFT : FD_SIDE_RIGHT;
    if (!prefers_low && coin < low_weight + tie_weight)
        answer.preferred = FD_SIDE_NEITHER;
    return answer;
}
