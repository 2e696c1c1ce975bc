/*
 * The strategy `knowledge-gradient`: one pair after another, each with the largest knowledge
 * gradient, for data whose best response of each prompt is wanted rather than the order of all.
 * Of very many candidates, those with the largest gains before the first pick are chosen from, and
 * the others follow in the order of these gains.
 */
#include <errno.h>
#include <stdlib.h>

#include "best_first.h"
#include "cancellation.h"
#include "knowledge.h"
#include "top_k.h"

/* Numbers of the matrix of target items and candidates: 64 MiB; and candidates of it. */
enum { REACH_MAX = 1 << 24, ROOM_MAX = 1 << 16 };

enum { OFFERS_PER_CALL = 256 };

/* order [n]: the candidates by their gains before the first pick, the largest first. */
static int rank(const fi_problem *problem, fi_knowledge *knowledge, size_t room, uint32_t *order) {
    size_t n = problem->distinct->n_pairs;
    FD_FREE double *gains = calloc(n + 1, sizeof(*gains));
    if (!gains)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    int r = 0;
    for (size_t first = 0; first < n && r == 0; first += room) {
        size_t count = n - first < room ? n - first : room;
        r = fi_knowledge_of(knowledge, count, order + first, gains + first);
        if (r == 0)
            r = fi_go_on(problem->options, 0.0);
    }
    return r ? r : fi_top_k(n, gains, n, order);
}

/* Takes the best of the first n candidates of the order. */
static int take_best(const fi_problem *problem, fi_knowledge *knowledge, size_t n,
                     const uint32_t *order, size_t k, uint32_t *batch, size_t *count) {
    FD_CLEANUP(fi_best_first_clear) fi_best_first queue = {0};
    int r = fi_best_first_init(&queue, problem, n, order);
    if (r == 0)
        r = fi_knowledge_of(knowledge, n, order, queue.gains);
    for (bool taken = true; r == 0 && taken && *count < k;) {
        uint32_t place;
        r = fi_best_first_take(&queue, &place, &taken);
        if (r == 0 && taken)
            batch[(*count)++] = order[place];
        if (r == 0 && taken && *count < k)
            r = fi_knowledge_pick(knowledge, place, queue.gains);
        if (r == 0)
            r = fi_go_on(problem->options, (double)*count / (double)k);
    }
    return r;
}

static int take_in_order(const fi_problem *problem, size_t n, const uint32_t *order, size_t k,
                         uint32_t *batch, size_t *count) {
    int r = 0;
    for (size_t i = 0; i < n && *count < k && r == 0; i++) {
        fi_verdict verdict;
        r = fi_constraints_offer(problem->constraints, order[i], problem->distinct->pairs[order[i]],
                                 &verdict);
        if (r == 0 && verdict == FI_ACCEPTED)
            batch[(*count)++] = order[i];
        if (r == 0 && i % OFFERS_PER_CALL == 0)
            r = fi_go_on(problem->options, (double)*count / (double)k);
    }
    return r;
}

int fi_choose_knowledge_gradient(const fi_problem *problem, size_t k, uint32_t *batch,
                                 size_t *count) {
    FD_CLEANUP(fi_target_groups_clear) fi_target_groups groups = {0};
    FD_CLEANUP(fi_knowledge_freep) fi_knowledge *knowledge = NULL;
    size_t n = problem->distinct->n_pairs;
    FD_FREE uint32_t *order = calloc(n + 1, sizeof(*order));
    int r = order ? fi_target_groups_find(problem, &groups) : -ENOMEM;
    if (r)
        return r;
    size_t most = REACH_MAX / (groups.first[groups.count] + 1);
    most = most < ROOM_MAX ? most : ROOM_MAX;
    size_t room = n < most ? n : most;
    r = fi_knowledge_new(problem, &groups, room, &knowledge);
    for (size_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    if (r == 0 && n > room)
        r = rank(problem, knowledge, room, order);
    if (r == 0)
        r = take_best(problem, knowledge, room, order, k, batch, count);
    if (r == 0)
        r = take_in_order(problem, n - room, order + room, k, batch, count);
    return r ? r : fi_constraints_fill(problem->constraints, k, batch, NULL, count);
}
