/*
 * The strategy `batchbald`: one pair after another, each the one whose answer shares most
 * information with the weights of the last layer, given the answers to the pairs before it. This is
 * greedy on I(y_1 ... y_b; w) (Kirsch, van Amersfoort and Gal, NeurIPS 2019, arXiv 1906.08158), and
 * reaches at least 1 - 1/e of the best batch.
 *
 * S samples of w ~ N(beta, M^-1) estimate the information (joint_information.h). They cannot
 * measure more than log S nats, so a batch is picked in rounds. A round ends after 16 picks, or
 * when its picks hold half of log S. Then their information v d d' is added to M, as if they were
 * answered, and a new round draws fresh samples from the narrower posterior. So the effect of a
 * pick on later rounds follows from the Laplace approximation; within a round it follows from the
 * answers.
 *
 * The answers are independent given w, so a gain can only fall as picks are added. A gain that was
 * computed earlier in the round is an upper bound. Candidates are evaluated in blocks from the
 * largest bound down, until no bound exceeds the best gain (Minoux 1978). For configurations that
 * are drawn this holds up to their noise.
 */
#include <errno.h>
#include <math.h>

#include "bald.h"
#include "cancellation.h"
#include "joint_information.h"
#include "top_k.h"
#include "whitening.h"

/* A round ends at this share of log S. Beyond it, each configuration has few samples, and their
 * noise would decide. */
#define JOINT_SHARE_MAX 0.5

/* Nats. Smaller gains count as 0, because sums in float32 have errors of about 1e-6. */
#define GAIN_FLOOR 1e-5

/* Evaluations for one pick at most. If thousands of candidates are nearly equal, the best of these
 * is as good as the best of all, within the noise of the samples. */
#define EVALUATED_MAX ((size_t)32 * FI_JOINT_BLOCK)

typedef struct batch_search {
    const fi_problem *problem;
    size_t k;
    uint32_t *batch;
    size_t *count;
    float *whitened;   /* [m x h] by the factor of M before the first pick */
    fi_factor *factor; /* of M in these coordinates */
    fi_joint_information *joint;
    size_t left;
    fi_ranked *heap; /* [left] the other candidates, by bounds on their gains */
    fi_ranked fresh[EVALUATED_MAX];
} batch_search;

static void search_free(batch_search *search) {
    free(search->whitened);
    fi_factor_free(search->factor);
    fi_joint_information_free(search->joint);
    free(search->heap);
    free(search);
}
FD_DEFINE_CLEANUP(batch_search, search_free)

static int identity_factor(size_t h, fi_factor **ret) {
    FD_CLEANUP(fi_information_freep) fi_information *zero = NULL;
    int r = fi_information_new(h, &zero);
    return r ? r : fi_factor_new(zero, 1.0, ret);
}

static int search_init(batch_search *search) {
    const fi_distinct_items *distinct = search->problem->distinct;
    size_t h = distinct->n_features;
    search->whitened = calloc(distinct->n_items, h * sizeof(*search->whitened));
    search->heap = calloc(distinct->n_pairs, sizeof(*search->heap));
    if (!search->whitened || !search->heap)
        return -ENOMEM;
    search->left = distinct->n_pairs;
    for (size_t i = 0; i < search->left; i++)
        search->heap[i].index = (uint32_t)i;
    int r = fi_whiten(search->problem->factor, distinct, search->whitened);
    if (r == 0)
        r = identity_factor(h, &search->factor);
    return r ? r : fi_joint_information_new(search->problem, search->whitened, &search->joint);
}

/* ---- the heap ---- */

static fi_ranked pop(batch_search *search) {
    fi_ranked first = search->heap[0];
    search->heap[0] = search->heap[--search->left];
    fi_heap_sift(search->heap, search->left);
    return first;
}

static void push(batch_search *search, fi_ranked added) {
    size_t at = search->left++;
    for (; at > 0 && fi_ranks_before(added, search->heap[(at - 1) / 2]); at = (at - 1) / 2)
        search->heap[at] = search->heap[(at - 1) / 2];
    search->heap[at] = added;
}

/* Updates the keys of up to a block of candidates. */
static void evaluate(const batch_search *search, size_t count, fi_ranked *ranked) {
    uint32_t indices[FI_JOINT_BLOCK] = {0};
    double gains[FI_JOINT_BLOCK];
    for (size_t i = 0; i < count; i++)
        indices[i] = ranked[i].index;
    fi_joint_information_gains(search->joint, count, indices, gains);
    for (size_t i = 0; i < count; i++)
        ranked[i].key = gains[i] > GAIN_FLOOR ? gains[i] : 0.0;
}

static int go_on(const batch_search *search) {
    return fi_go_on(search->problem->options, (double)*search->count / (double)search->k);
}

/* ---- a round ---- */

static int begin_round(batch_search *search) {
    int r = fi_joint_information_begin(search->joint, search->factor);
    for (size_t first = 0; r == 0 && first < search->left; first += FI_JOINT_BLOCK) {
        size_t left = search->left - first;
        evaluate(search, left < FI_JOINT_BLOCK ? left : FI_JOINT_BLOCK, search->heap + first);
        if (first % (8 * FI_JOINT_BLOCK) == 0)
            r = go_on(search);
    }
    fi_heap_build(search->heap, search->left);
    return r;
}

/* Moves up to a block of candidates that may be better than `best` to `fresh`. Drops those with
 * closed items. */
static size_t pop_block(batch_search *search, fi_ranked best, fi_ranked *fresh) {
    size_t count = 0;
    while (count < FI_JOINT_BLOCK && search->left > 0 && fi_ranks_before(search->heap[0], best)) {
        fi_ranked first = pop(search);
        if (!fi_constraints_is_closed(search->problem->constraints,
                                      search->problem->distinct->pairs[first.index]))
            fresh[count++] = first;
    }
    return count;
}

/* Takes the candidate with the largest gain out of the heap. Its key is 0 if none is left. */
static int pop_best(batch_search *search, fi_ranked *ret) {
    fi_ranked *fresh = search->fresh;
    size_t count = 0, best = 0, more;
    const fi_ranked none = {0.0, 0};
    if (search->joint->picks == 0) {
        *ret = search->left > 0 && search->heap[0].key > 0.0 ? pop(search) : none;
        return 0;
    }
    while (count < EVALUATED_MAX &&
           (more = pop_block(search, count > 0 ? fresh[best] : none, fresh + count)) > 0) {
        evaluate(search, more, fresh + count);
        for (size_t end = count + more; count < end; count++)
            best = fi_ranks_before(fresh[count], fresh[best]) ? count : best;
    }
    *ret = count > 0 ? fresh[best] : none;
    for (size_t i = 0; i < count; i++)
        if (i != best || ret->key == 0.0)
            push(search, fresh[i]);
    return go_on(search);
}

static int offer(batch_search *search, uint32_t index, bool *ret_accepted) {
    fi_verdict verdict;
    int r = fi_constraints_offer(search->problem->constraints, index,
                                 search->problem->distinct->pairs[index], &verdict);
    *ret_accepted = r == 0 && verdict == FI_ACCEPTED;
    if (*ret_accepted)
        search->batch[(*search->count)++] = index;
    return r;
}

static bool is_round_over(const batch_search *search) {
    return *search->count == search->k || search->joint->picks == FI_JOINT_PICKS_MAX ||
           search->joint->information >= JOINT_SHARE_MAX * log((double)FI_JOINT_SAMPLES);
}

static int pick_round(batch_search *search) {
    int r = begin_round(search);
    while (r == 0 && !is_round_over(search)) {
        fi_ranked best;
        bool accepted = false;
        r = pop_best(search, &best);
        if (r || best.key == 0.0)
            return r;
        r = offer(search, best.index, &accepted);
        if (accepted)
            fi_joint_information_add(search->joint, best.index);
    }
    return r;
}

/* M += v d d' in whitened coordinates for each pick since `first`. */
static void absorb(batch_search *search, size_t first) {
    size_t h = search->problem->distinct->n_features;
    double difference[FI_WIDTH_MAX];
    for (size_t i = first; i < *search->count; i++) {
        uint32_t index = search->batch[i];
        fi_pair pair = search->problem->distinct->pairs[index];
        const float *a = search->whitened + (size_t)pair.a * h;
        const float *b = search->whitened + (size_t)pair.b * h;
        for (size_t j = 0; j < h; j++)
            difference[j] = (double)a[j] - (double)b[j];
        fi_factor_update(search->factor, search->problem->weights[index], difference);
    }
}

/* Picks the candidates that the samples tell nothing about, in the order of `bald`. */
static int pick_rest(batch_search *search) {
    size_t h = search->problem->distinct->n_features;
    for (size_t i = 0; i < search->left; i++) {
        uint32_t index = search->heap[i].index;
        search->heap[i].key = fi_bald(
            fi_bald_logit(search->problem, index),
            fi_whitened_leverage(h, search->whitened, search->problem->distinct->pairs[index]));
    }
    fi_heap_build(search->heap, search->left);
    int r = 0;
    while (r == 0 && *search->count < search->k && search->left > 0) {
        bool accepted;
        r = offer(search, pop(search).index, &accepted);
        if (r == 0)
            r = go_on(search);
    }
    return r;
}

int fi_choose_batchbald(const fi_problem *problem, size_t k, uint32_t *batch, size_t *count) {
    FD_CLEANUP(search_freep) batch_search *search = calloc(1, sizeof(*search));
    if (!search)
        return -ENOMEM;
    search->problem = problem;
    search->k = k;
    search->batch = batch;
    search->count = count;
    int r = search_init(search);
    for (size_t first = 0, left = SIZE_MAX; r == 0 && *count < k && search->left < left;
         first = *count) {
        left = search->left;
        r = pick_round(search);
        absorb(search, first);
    }
    if (r == 0)
        r = pick_rest(search);
    return r ? r : fi_constraints_fill(problem->constraints, k, batch, NULL, count);
}
