/* Finds the largest gain by a walk, and ranks the others only if that candidate is refused. */
#include "best_first.h"

#include <errno.h>
#include <stdlib.h>

#include "cancellation.h"

/* Refusals between two calls of go_on. One takes about a microsecond. */
enum { OFFERS_PER_CALL = 4096 };

int fi_best_first_init(fi_best_first *queue, const fi_problem *problem, size_t n,
                       const uint32_t *indices) {
    queue->problem = problem;
    queue->n = n;
    queue->indices = indices;
    queue->gains = calloc(n + 1, sizeof(*queue->gains));
    queue->gone = calloc(n + 1, sizeof(*queue->gone));
    queue->heap = calloc(n + 1, sizeof(*queue->heap));
    return queue->gains && queue->gone && queue->heap ? 0 : -ENOMEM;
}

void fi_best_first_clear(fi_best_first *queue) {
    free(queue->gains);
    free(queue->gone);
    free(queue->heap);
}

static bool find_best(const fi_best_first *queue, uint32_t *ret) {
    double best = -1.0;
    for (size_t i = 0; i < queue->n; i++)
        if (queue->gains[i] > best && !queue->gone[i]) {
            best = queue->gains[i];
            *ret = (uint32_t)i;
        }
    return best >= 0.0;
}

static size_t rank_left(fi_best_first *queue) {
    size_t left = 0;
    for (size_t i = 0; i < queue->n; i++)
        if (!queue->gone[i])
            queue->heap[left++] = (fi_ranked){queue->gains[i], (uint32_t)i};
    fi_heap_build(queue->heap, left);
    return left;
}

static int offer(fi_best_first *queue, uint32_t place, bool *accepted) {
    uint32_t index = fi_best_first_candidate(queue, place);
    fi_verdict verdict;
    int r = fi_constraints_offer(queue->problem->constraints, index,
                                 queue->problem->distinct->pairs[index], &verdict);
    *accepted = r == 0 && verdict == FI_ACCEPTED;
    queue->gone[place] = true;
    return r;
}

int fi_best_first_take(fi_best_first *queue, uint32_t *ret, bool *taken) {
    uint32_t place = 0;
    *taken = false;
    if (!find_best(queue, &place))
        return 0;
    int r = offer(queue, place, taken);
    for (size_t left = *taken || r ? 0 : rank_left(queue); r == 0 && !*taken && left > 0;) {
        place = queue->heap[0].index;
        queue->heap[0] = queue->heap[--left];
        fi_heap_sift(queue->heap, left);
        r = offer(queue, place, taken);
        if (r == 0 && left % OFFERS_PER_CALL == 0)
            r = fi_go_on(queue->problem->options, 0.5);
    }
    *ret = place;
    return r;
}
