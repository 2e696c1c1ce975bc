/* Offers candidates to the constraints, that with the largest gain first, while gains change. */
#ifndef FI_BEST_FIRST_H
#define FI_BEST_FIRST_H

#include "strategy.h"
#include "top_k.h"

typedef struct fi_best_first {
    const fi_problem *problem;
    size_t n;
    const uint32_t *indices; /* [n] the candidates; the caller's */
    double *gains;           /* [n] at least 0; set by the caller before each call */
    bool *gone;              /* [n] picked, refused or deferred */
    fi_ranked *heap;         /* [n] by gain; used when the best one is refused */
} fi_best_first;

/* `indices` NULL: all candidates of the problem, n of them. -ENOMEM. */
int fi_best_first_init(fi_best_first *queue, const fi_problem *problem, size_t n,
                       const uint32_t *indices) FD_MUST_CHECK;
void fi_best_first_clear(fi_best_first *queue);

/* Takes the best candidate that the constraints accept: *ret is its place, 0 to n - 1. *taken is
 * false if none is left. -ECANCELED, -ENOMEM. */
int fi_best_first_take(fi_best_first *queue, uint32_t *ret, bool *taken) FD_MUST_CHECK;

static inline uint32_t fi_best_first_candidate(const fi_best_first *queue, size_t place) {
    return queue->indices ? queue->indices[place] : (uint32_t)place;
}

#endif
