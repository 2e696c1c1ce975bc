/* Fills the queue of an experiment with pairs that the strategy chooses. */
#include "pair_choice.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "array.h"
#include "hash_draws.h"
#include "select.h"
#include "vote_candidates.h"

int fd_experiment_list_voted(fd_experiment *experiment) {
    const fd_recorded_votes *votes = experiment->answering.votes;
    const uint32_t *prompts = experiment->testbed->prompts;
    fi_scope mode = experiment->run->mode;
    if (!votes)
        return 0;
    experiment->voted = calloc(votes->n_pairs + 1, sizeof(*experiment->voted));
    if (!experiment->voted)
        return -ENOMEM;
    for (size_t i = 0; i < votes->n_pairs; i++) {
        uint32_t a = prompts[votes->pairs[i].low], b = prompts[votes->pairs[i].high];
        bool in_scope = mode == FI_SCOPE_ANY || (mode == FI_SCOPE_WITHIN) == (a == b);
        if (in_scope && experiment->roles[a] == FD_PROMPT_TRAINS &&
            experiment->roles[b] == FD_PROMPT_TRAINS)
            experiment->voted[experiment->n_voted++] = &votes->pairs[i];
    }
    if (experiment->n_voted == 0)
        return fd_fault_set(experiment->fault, -EINVAL, "",
                            "--modes %s: %s has no votes about such pairs of its training prompts",
                            fi_scope_names[mode], experiment->testbed->name);
    return 0;
}

/* `n` pairs from index `from`, for the engine. NULL: no memory. */
static fd_pair_reference *references_of(const fd_experiment *experiment, const fi_pair *pairs,
                                        size_t from, size_t n) {
    fd_pair_reference *references = calloc(n + 1, sizeof(*references));
    for (size_t i = 0; references && i < n; i++) {
        references[i].a.id = experiment->testbed->ids[pairs[from + i].a];
        references[i].b.id = experiment->testbed->ids[pairs[from + i].b];
    }
    return references;
}

static int enqueue(fd_experiment *experiment, const fd_selection_result *result) {
    int r = fd_array_reserve(&experiment->queue, &experiment->capacity,
                             experiment->n_queued + result->count, sizeof(*experiment->queue));
    if (r < 0)
        return r;
    for (size_t i = 0; i < result->count; i++) {
        fi_pair rows = result->pairs[i].items;
        experiment->queue[experiment->n_queued++] =
            (fi_pair){experiment->item_of_row[rows.a], experiment->item_of_row[rows.b]};
    }
    return 0;
}

/* Keeps the means over all pairs chosen in the round. */
static void add_statistics(fd_experiment *experiment, const fd_selection_result *result) {
    fd_round *round = &experiment->round;
    experiment->n_chosen += result->count;
    double share = (double)result->count / (double)experiment->n_chosen;
    round->uses_per_item += share * (result->chosen.mean_uses - round->uses_per_item);
    round->reward_gap += share * (result->chosen.mean_reward_gap - round->reward_gap);
    round->nearest_cosine += share * (result->chosen.mean_nearest_cosine - round->nearest_cosine);
    round->d_efficiency += share * (result->d_efficiency - round->d_efficiency);
}

/* Draws the candidates of a request where votes are replayed; *ret keeps them. */
static int list_candidates(fd_experiment *experiment, fd_selection_request *request,
                           fd_pair_reference **ret) {
    FD_FREE fi_pair *pairs = NULL;
    if (!experiment->answering.votes)
        return 0;
    int r = fd_draw_vote_candidates(experiment, request->strategy, request->batch_size,
                                    request->seed, &pairs, &request->n_pairs);
    if (r < 0)
        return r;
    *ret = references_of(experiment, pairs, 0, request->n_pairs);
    request->pairs = *ret;
    return *ret ? 0 : -ENOMEM;
}

/* Adds `count` chosen pairs to the queue. The selection counts the queue's pairs from index
 * `pending_from` as pending. */
static int choose(fd_experiment *experiment, const char *strategy, size_t count,
                  size_t pending_from) {
    const fd_simulate_flags *flags = &experiment->plan->flags;
    size_t n_pending = experiment->n_queued - pending_from;
    FD_FREE fd_pair_reference *pending =
        references_of(experiment, experiment->queue, pending_from, n_pending);
    FD_FREE fd_pair_reference *candidates = NULL;
    if (!pending)
        return -ENOMEM;
    fd_selection_request request = {
        .batch_size = count,
        .up_to = true,
        .strategy = strategy,
        .has_seed = true,
        .seed = fd_hash_mix(fd_hash_mix(0, experiment->run->seed), experiment->draws++) >> 11,
        .generate = {.scope = experiment->run->mode,
                     .all = strcmp(flags->candidates, "all") == 0,
                     .prompts = flags->prompts,
                     .responses_per_prompt = flags->responses,
                     .pairs = experiment->plan->candidates},
        .pending = pending,
        .n_pending = n_pending,
    };
    FD_CLEANUP(fd_selection_result_clear) fd_selection_result result = {0};
    if (count == 0)
        return 0;
    int r = list_candidates(experiment, &request, &candidates);
    if (r == 0)
        r = fd_engine_select(experiment->learner.engine, &request, &result, experiment->fault);
    if (r < 0)
        return r;
    if (result.count == 0)
        return -ENODATA;
    add_statistics(experiment, &result);
    return enqueue(experiment, &result);
}

int fd_experiment_fill_queue(fd_experiment *experiment, size_t count) {
    const fd_simulate_flags *flags = &experiment->plan->flags;
    bool at_random = experiment->draws == 0 && strcmp(flags->first, "random") == 0;
    const char *strategy = at_random ? "random" : experiment->run->strategy;
    size_t control = (size_t)lround(flags->control_share * (double)count);
    experiment->n_queued = experiment->next = 0;
    int r = choose(experiment, "random", control, 0);
    if (r < 0)
        return r;
    size_t active = count - control;
    if (strcmp(flags->pending_aware, "yes") == 0)
        return choose(experiment, strategy, active, 0);
    r = choose(experiment, strategy, active / 2, experiment->n_queued);
    return r < 0 ? r : choose(experiment, strategy, active - active / 2, experiment->n_queued);
}
