/* Runs the rounds of an experiment. */
#include "experiment_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "clock.h"
#include "experiment_state.h"
#include "pair_choice.h"
#include "question_answers.h"

static void clear(fd_experiment *experiment) {
    fd_learner_close(&experiment->learner);
    fd_pair_set_clear(&experiment->asked);
    free(experiment->roles);
    free(experiment->item_of_row);
    free(experiment->row_of_item);
    free(experiment->shown);
    free(experiment->voted);
    free(experiment->queue);
}

/* ---- the start ---- */

static int add_items(fd_experiment *experiment) {
    const fd_testbed *testbed = experiment->testbed;
    experiment->item_of_row = calloc(testbed->n_items + 1, sizeof(*experiment->item_of_row));
    experiment->row_of_item = calloc(testbed->n_items + 1, sizeof(*experiment->row_of_item));
    experiment->shown = calloc(testbed->n_items + 1, sizeof(*experiment->shown));
    if (!experiment->item_of_row || !experiment->row_of_item || !experiment->shown)
        return -ENOMEM;
    for (size_t i = 0; i < testbed->n_items; i++) {
        if (experiment->roles[testbed->prompts[i]] != FD_PROMPT_TRAINS)
            continue;
        experiment->row_of_item[i] = (uint32_t)experiment->n_rows;
        experiment->item_of_row[experiment->n_rows++] = (uint32_t)i;
    }
    return fd_learner_add_items(&experiment->learner, testbed, experiment->n_rows,
                                experiment->item_of_row, experiment->fault);
}

static int start(fd_experiment *experiment) {
    const fd_plan *plan = experiment->plan;
    const fd_run *run = experiment->run;
    experiment->roles = calloc(experiment->testbed->n_prompts + 1, sizeof(*experiment->roles));
    if (!experiment->roles)
        return -ENOMEM;
    int r = fd_experiment_split(plan, experiment->testbed, run->split, experiment->roles);
    if (r < 0)
        return r;
    experiment->truth = fd_experiment_truth(experiment->data, run->reward, experiment->roles);
    experiment->answering = (fd_answering){
        .rewards = experiment->truth.rewards,
        .noise = experiment->truth.noise,
        .ties = plan->flags.ties,
        .mix = &plan->mixes[run->mix].mix,
        .votes = experiment->truth.votes,
        .seed = run->seed,
    };
    r = fd_learner_open(plan, run, experiment->testbed, experiment->truth.rewards,
                        &experiment->learner, experiment->fault);
    if (r == 0)
        r = add_items(experiment);
    return r == 0 ? fd_experiment_list_voted(experiment) : r;
}

/* ---- a round ---- */

static int call_on_chosen(fd_experiment *experiment, const fd_run_hooks *hooks) {
    fd_chosen_batch batch = {experiment->run, &experiment->round, experiment->learner.engine,
                             experiment->n_queued - experiment->next,
                             experiment->queue + experiment->next};
    return hooks->on_chosen ? hooks->on_chosen(hooks->context, &batch) : 0;
}

/* Answers `wanted` pairs, and fills the queue whenever it is empty. */
static int answer_batch(fd_experiment *experiment, size_t wanted, const fd_run_hooks *hooks) {
    const fd_simulate_flags *flags = &experiment->plan->flags;
    /* The first pairs, drawn at random, are at most those of one round. */
    bool ahead = flags->stale > 0 && (experiment->draws > 0 || flags->stale < wanted ||
                                      strcmp(flags->first, "random") != 0);
    size_t at_once = ahead ? flags->stale : wanted;
    while (wanted > 0) {
        double begin = fd_monotonic_seconds();
        int r = 0;
        bool empty = experiment->next == experiment->n_queued;
        if (empty)
            r = fd_experiment_fill_queue(experiment, at_once);
        experiment->round.select_seconds += fd_monotonic_seconds() - begin;
        if (r == 0 && empty)
            r = call_on_chosen(experiment, hooks);
        size_t left = experiment->n_queued - experiment->next;
        size_t count = left < wanted ? left : wanted;
        if (r == 0)
            r = fd_experiment_answer_pairs(experiment, count);
        if (r < 0)
            return r;
        wanted -= count;
    }
    return 0;
}

static int learn(fd_experiment *experiment) {
    double begin = fd_monotonic_seconds();
    int r = fd_learner_learn(&experiment->learner, experiment->fault);
    experiment->round.train_seconds += fd_monotonic_seconds() - begin;
    return r;
}

/* The number of pairs until the end of the round, at most a batch; 0: it has ended. */
static size_t next_batch(const fd_experiment *experiment) {
    const fd_plan *plan = experiment->plan;
    uint64_t redundancy = plan->flags.redundancy, batch = experiment->run->batch;
    if (plan->checkpoints) {
        uint64_t end = plan->checkpoints[experiment->round.round - 1];
        uint64_t left = end > experiment->labels ? end - experiment->labels : 0;
        if (left < redundancy)
            return 0;
        batch = left < batch ? left : batch;
    }
    return batch / redundancy > 0 ? batch / redundancy : 1;
}

/* -ENODATA once every pair was asked. */
static int learn_round(fd_experiment *experiment, const fd_run_hooks *hooks) {
    for (size_t wanted; (wanted = next_batch(experiment)) > 0;) {
        int r = answer_batch(experiment, wanted, hooks);
        if (r == 0)
            r = learn(experiment);
        if (r < 0 || !experiment->plan->checkpoints)
            return r;
    }
    return 0;
}

/* ---- measuring ---- */

/* Sets predicted [n_items] for the items of testing prompts. */
static int score_tests(fd_experiment *experiment, double *predicted) {
    const fd_testbed *testbed = experiment->testbed;
    FD_FREE double *rewards = calloc(testbed->n_items + 1, sizeof(*rewards));
    if (!rewards)
        return -ENOMEM;
    for (size_t k = 0; k < testbed->n_prompts; k++) {
        const uint32_t *items = testbed->items_by_prompt + testbed->prompt_start[k];
        size_t n = testbed->prompt_start[k + 1] - testbed->prompt_start[k];
        if (experiment->roles[k] != FD_PROMPT_TESTS)
            continue;
        int r =
            fd_learner_score(&experiment->learner, testbed, n, items, rewards, experiment->fault);
        if (r < 0)
            return r;
        for (size_t i = 0; i < n; i++)
            predicted[items[i]] = rewards[i];
    }
    return 0;
}

static int measure(fd_experiment *experiment) {
    const fd_testbed *testbed = experiment->testbed;
    FD_FREE double *predicted = calloc(testbed->n_items + 1, sizeof(*predicted));
    if (!predicted)
        return -ENOMEM;
    int r = score_tests(experiment, predicted);
    if (r == 0)
        r = fd_measure_ranking(testbed, &experiment->truth, predicted, &experiment->round.measures);
    return r == 0 ? fd_learner_read_state(&experiment->learner, &experiment->round.learner) : r;
}

/* The slope of the length is fitted to all that training prompts could tell. */
static int measure_length(fd_experiment *experiment, fd_ranking_measures *ret) {
    const fd_testbed *testbed = experiment->testbed;
    *ret = (fd_ranking_measures){NAN, NAN, NAN, NAN, NAN, NAN, 0, {0}};
    if (!testbed->log_lengths)
        return 0;
    FD_FREE double *predicted = calloc(testbed->n_items + 1, sizeof(*predicted));
    if (!predicted)
        return -ENOMEM;
    double slope = fd_length_slope(testbed, &experiment->truth, FD_PROMPT_TRAINS);
    for (size_t i = 0; i < testbed->n_items; i++)
        predicted[i] = slope * testbed->log_lengths[i];
    return fd_measure_ranking(testbed, &experiment->truth, predicted, ret);
}

static void note_counts(fd_experiment *experiment) {
    fd_round *round = &experiment->round;
    round->labels = experiment->labels;
    round->responses_shown = experiment->responses;
    round->cost_seconds = experiment->seconds;
    if (experiment->n_chosen == 0)
        round->uses_per_item = round->reward_gap = round->nearest_cosine = round->d_efficiency =
            NAN;
}

static int run_round(fd_experiment *experiment, const fd_run_hooks *hooks, bool *exhausted) {
    int r = *exhausted ? -ENODATA : learn_round(experiment, hooks);
    if (r == -ENODATA && experiment->plan->checkpoints) {
        *exhausted = true;
        experiment->round.learner = (fd_learner_state){NAN, false, NAN};
        experiment->round.measures = (fd_ranking_measures){NAN, NAN, NAN, NAN, NAN, NAN, 0, {0}};
        r = 0;
    } else if (r == -ENODATA)
        return fd_fault_set(experiment->fault, -EINVAL, "",
                            "round %" PRIu64 ": every pair was asked; use fewer rounds or smaller "
                            "batches",
                            experiment->round.round);
    else if (r == 0)
        r = measure(experiment);
    note_counts(experiment);
    return r;
}

int fd_run_rounds(const fd_plan *plan, const fd_experiment_sets *sets, const fd_run *run,
                  const fd_run_hooks *hooks, fd_fault *fault) {
    const fd_experiment_data *data = &sets->data[run->data];
    FD_CLEANUP(clear)
    fd_experiment experiment = {
        .plan = plan, .data = data, .testbed = &data->testbed, .run = run, .fault = fault};
    fd_ranking_measures length;
    bool exhausted = false;
    int r = start(&experiment);
    if (r == 0)
        r = measure_length(&experiment, &length);
    for (uint64_t i = 1; i <= plan->n_rounds && r == 0; i++) {
        experiment.round = (fd_round){.round = i, .length = length};
        experiment.n_chosen = 0;
        r = run_round(&experiment, hooks, &exhausted);
        if (r == 0)
            r = hooks->on_round(hooks->context, run, &experiment.round);
    }
    return r;
}
