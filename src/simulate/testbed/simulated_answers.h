/* The answers of simulated annotators. */
#ifndef FD_SIMULATED_ANSWERS_H
#define FD_SIMULATED_ANSWERS_H

#include "annotator_mix.h"
#include "recorded_votes.h"

/* How answers come about. */
typedef struct fd_answering {
    const double *rewards;          /* [n_items] */
    double noise;                   /* of an honest annotator */
    double ties;                    /* the share of ties among pairs of equal reward, below 1 */
    const fd_annotator_mix *mix;    /* who answers */
    const fd_recorded_votes *votes; /* answers are these votes instead; NULL: they are not */
    uint64_t seed;
} fd_answering;

typedef struct fd_answer {
    uint32_t left, right; /* the items as they were shown */
    fd_side preferred;
    uint64_t annotator;  /* a number in the mix */
    const fd_vote *vote; /* the vote that is replayed; NULL: none */
} fd_answer;

/*
 * Answers whether a or b is better, for the `repetition`-th time. With noise s an honest annotator
 * weighs exp(reward / s) of each and, for ties, nu exp(mean reward / s), after Davidson (1970). The
 * coins are hashes of the seed, the two items and the repetition. So every strategy that asks about
 * a pair gets the same answer, whichever item comes first. Of recorded votes each is replayed once
 * while repetitions are fewer than votes, in an order that the seed decides.
 */
fd_answer fd_answer_question(const fd_answering *answering, uint32_t a, uint32_t b,
                             uint64_t repetition);

#endif
