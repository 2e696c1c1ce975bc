/* Draws candidates among the pairs that have votes, as the engine does among all pairs. */
#include "vote_candidates.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rng.h"
#include "score.h"

struct candidate {
    double doubt; /* how far the probability is from one half */
    fi_pair pair;
};

static int by_doubt(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    return (x->doubt > y->doubt) - (x->doubt < y->doubt);
}

static bool is_queued(const fd_experiment *experiment, const fd_voted_pair *pair) {
    for (size_t i = experiment->next; i < experiment->n_queued; i++) {
        fi_pair queued = experiment->queue[i];
        if ((queued.a == pair->low && queued.b == pair->high) ||
            (queued.a == pair->high && queued.b == pair->low))
            return true;
    }
    return false;
}

/* The pairs that may be asked, `fresh` or with votes left. */
static size_t list(const fd_experiment *experiment, bool fresh, struct candidate *candidates) {
    size_t n = 0;
    for (size_t i = 0; i < experiment->n_voted; i++) {
        const fd_voted_pair *pair = experiment->voted[i];
        size_t asked = fd_pair_set_count(&experiment->asked, pair->low, pair->high);
        if (asked < (fresh ? 1 : pair->count) && !is_queued(experiment, pair))
            candidates[n++] = (struct candidate){0, {pair->low, pair->high}};
    }
    return n;
}

/* Moves a random choice of `wanted` candidates to the front. */
static void draw(struct candidate *candidates, size_t n, size_t wanted, uint64_t seed) {
    fd_rng rng = fd_rng_seeded(seed);
    for (size_t i = 0; i < wanted; i++) {
        size_t j = i + (size_t)fd_rng_below(&rng, n - i);
        struct candidate taken = candidates[j];
        candidates[j] = candidates[i];
        candidates[i] = taken;
    }
}

static size_t number_drawn(const fd_experiment *experiment, size_t count, size_t n) {
    const fd_plan *plan = experiment->plan;
    uint64_t per_pair = plan->learners[experiment->run->learner].options.candidates_per_pair;
    uint64_t wanted = plan->candidates > 0 ? plan->candidates : per_pair * count;
    bool all = strcmp(plan->flags.candidates, "all") == 0 || wanted == 0;
    return all || wanted > n ? n : (size_t)wanted;
}

/* Keeps the candidates that the model is least sure of, at least `count`. */
static size_t keep_contested(const fd_experiment *experiment, struct candidate *candidates,
                             size_t n, size_t count) {
    double share = experiment->plan->learners[experiment->run->learner].options.contested;
    size_t kept = (size_t)ceil(share * (double)n);
    uint64_t version;
    if (kept >= n || n <= count)
        return n;
    for (size_t i = 0; i < n; i++) {
        fi_pair rows = {experiment->row_of_item[candidates[i].pair.a],
                        experiment->row_of_item[candidates[i].pair.b]};
        double p = fd_engine_probability(experiment->learner.engine, rows, &version);
        candidates[i].doubt = fabs(p - 0.5);
    }
    qsort(candidates, n, sizeof(*candidates), by_doubt);
    return kept > count ? kept : count;
}

int fd_draw_vote_candidates(fd_experiment *experiment, const char *strategy, size_t count,
                            uint64_t seed, fi_pair **ret, size_t *ret_count) {
    FD_FREE struct candidate *candidates = calloc(experiment->n_voted + 1, sizeof(*candidates));
    if (!candidates)
        return -ENOMEM;
    size_t n = list(experiment, true, candidates);
    if (n == 0)
        n = list(experiment, false, candidates);
    if (n == 0)
        return -ENODATA;
    size_t drawn = number_drawn(experiment, count, n);
    draw(candidates, n, drawn, seed);
    if (strcmp(strategy, "random") != 0)
        drawn = keep_contested(experiment, candidates, drawn, count);
    *ret = calloc(drawn + 1, sizeof(**ret));
    if (!*ret)
        return -ENOMEM;
    for (size_t i = 0; i < drawn; i++)
        (*ret)[i] = candidates[i].pair;
    *ret_count = drawn;
    return 0;
}
