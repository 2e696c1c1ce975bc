/* Runs the rounds of an experiment on an engine of its own. */
#include "experiment_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "experiment_state.h"
#include "items.h"
#include "labels.h"
#include "memory_store.h"
#include "model_versions.h"
#include "options_for_engine.h"
#include "pair_choice.h"
#include "score.h"
#include "simulated_answers.h"
#include "trainer.h"

enum { SCORED_AT_ONCE = 512, ID_SIZE = 32 };

static void clear(fd_experiment *experiment) {
    if (experiment->engine)
        fd_engine_close(experiment->engine);
    fd_pair_set_clear(&experiment->asked);
    free(experiment->item_of_row);
    free(experiment->queue);
}

/* ---- the engine ---- */

static int open_engine(fd_experiment *experiment) {
    fd_store *store;
    int r = fd_store_open_memory(&store);
    if (r < 0)
        return r;
    fd_engine_options options = fd_options_engine(&experiment->plan->options);
    options.hidden_width = (uint32_t)experiment->run->width;
    options.seed = experiment->run->seed;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.refit = false;
    r = fd_engine_open(&options, store, &experiment->engine, experiment->fault);
    if (r == 0)
        fd_engine_interrupt(experiment->engine); /* without annotators no pair needs to lie ready */
    return r;
}

static int add_items(fd_experiment *experiment) {
    const fd_testbed *testbed = experiment->testbed;
    FD_FREE fd_item_row *rows = calloc(testbed->n_items + 1, sizeof(*rows));
    experiment->item_of_row = calloc(testbed->n_items + 1, sizeof(*experiment->item_of_row));
    if (!rows || !experiment->item_of_row)
        return -ENOMEM;
    for (size_t i = 0; i < testbed->n_items; i++) {
        if (testbed->held_out[testbed->prompts[i]])
            continue;
        rows[experiment->n_rows] = (fd_item_row){
            .id = testbed->ids[i],
            .prompt_id = testbed->prompt_ids[testbed->prompts[i]],
            .embedding = testbed->embeddings + i * testbed->dimension,
            .dimension = testbed->dimension,
        };
        experiment->item_of_row[experiment->n_rows++] = (uint32_t)i;
    }
    fd_added added;
    return fd_engine_items_add(experiment->engine, rows, experiment->n_rows, &added,
                               experiment->fault);
}

/* ---- answering ---- */

/* Answers the next `count` pairs of the queue, each by `redundancy` annotators. */
static int answer_pairs(fd_experiment *experiment, size_t count) {
    size_t redundancy = experiment->plan->flags.redundancy, n = count * redundancy;
    FD_FREE fd_label *labels = calloc(n + 1, sizeof(*labels));
    FD_FREE char *texts = calloc(n + 1, 2 * (size_t)ID_SIZE);
    int r = fd_pair_set_reserve(&experiment->asked, count);
    if (!labels || !texts || r < 0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        fi_pair pair = experiment->queue[experiment->next + i / redundancy];
        char *id = texts + i * 2 * (size_t)ID_SIZE, *annotator = id + ID_SIZE;
        (void)snprintf(id, ID_SIZE, "label-%" PRIu64, experiment->labels + i);
        (void)snprintf(annotator, ID_SIZE, "annotator-%zu", i % redundancy);
        uint32_t before = fd_pair_set_add(&experiment->asked, pair.a, pair.b);
        bool a = fd_prefers_a(experiment->rewards, experiment->plan->flags.noise,
                              experiment->run->seed, pair.a, pair.b, before);
        labels[i] = (fd_label){
            .id = id,
            .a = experiment->testbed->ids[pair.a],
            .b = experiment->testbed->ids[pair.b],
            .preference = a ? FD_PREFER_A : FD_PREFER_B,
            .annotator = annotator,
            .duration_ms = -1,
        };
    }
    fd_added added;
    r = fd_engine_labels_add(experiment->engine, labels, n, &added, experiment->fault);
    if (r < 0)
        return r;
    experiment->next += count;
    experiment->labels += n;
    return 0;
}

/* ---- a round ---- */

static int call_on_chosen(fd_experiment *experiment, const fd_run_hooks *hooks) {
    fd_chosen_batch batch = {experiment->run, &experiment->round, experiment->engine,
                             experiment->n_queued - experiment->next,
                             experiment->queue + experiment->next};
    return hooks->on_chosen ? hooks->on_chosen(hooks->context, &batch) : 0;
}

/* Answers the pairs of a round, and fills the queue whenever it is empty. */
static int answer_round(fd_experiment *experiment, const fd_run_hooks *hooks) {
    const fd_simulate_flags *flags = &experiment->plan->flags;
    size_t wanted = experiment->run->batch / flags->redundancy;
    wanted = wanted > 0 ? wanted : 1;
    /* The first pairs, drawn at random, are at most those of one round. */
    bool ahead = flags->stale > 0 && (experiment->draws > 0 || flags->stale < wanted ||
                                      strcmp(flags->first, "random") != 0);
    size_t at_once = ahead ? flags->stale : wanted;
    while (wanted > 0) {
        double start = fd_monotonic_seconds();
        int r = 0;
        bool empty = experiment->next == experiment->n_queued;
        if (empty)
            r = fd_experiment_fill_queue(experiment, at_once);
        experiment->round.select_seconds += fd_monotonic_seconds() - start;
        if (r == 0 && empty)
            r = call_on_chosen(experiment, hooks);
        size_t left = experiment->n_queued - experiment->next;
        size_t count = left < wanted ? left : wanted;
        if (r == 0)
            r = answer_pairs(experiment, count);
        if (r < 0)
            return r;
        wanted -= count;
    }
    return 0;
}

static int train(fd_experiment *experiment) {
    double start = fd_monotonic_seconds();
    int r = fd_engine_train(experiment->engine, FD_RETRAIN_CONFIGURED, experiment->fault);
    if (r < 0)
        return r;
    fd_engine_wait_trained(experiment->engine);
    experiment->round.train_seconds = fd_monotonic_seconds() - start;
    return 0;
}

/* Sets predicted [n_items] for the held-out items. */
static int score_held_out(fd_experiment *experiment, double *predicted) {
    const fd_testbed *testbed = experiment->testbed;
    fd_item_reference references[SCORED_AT_ONCE];
    fd_score scores[SCORED_AT_ONCE];
    uint32_t items[SCORED_AT_ONCE];
    uint64_t version;
    size_t n = 0;
    for (size_t i = 0; i < testbed->n_items; i++) {
        if (testbed->held_out[testbed->prompts[i]]) {
            items[n] = (uint32_t)i;
            references[n++] =
                (fd_item_reference){.embedding = testbed->embeddings + i * testbed->dimension,
                                    .dimension = testbed->dimension};
        }
        if (n < SCORED_AT_ONCE && i + 1 < testbed->n_items)
            continue;
        int r =
            fd_engine_score(experiment->engine, references, n, scores, &version, experiment->fault);
        if (r < 0)
            return r;
        for (size_t j = 0; j < n; j++)
            predicted[items[j]] = scores[j].reward;
        n = 0;
    }
    return 0;
}

static int evaluate(fd_experiment *experiment) {
    FD_FREE double *predicted = calloc(experiment->testbed->n_items + 1, sizeof(*predicted));
    if (!predicted)
        return -ENOMEM;
    fd_model_info model;
    int r = score_held_out(experiment, predicted);
    if (r == 0)
        r = fd_measure_ranking(experiment->testbed, experiment->rewards, predicted,
                               experiment->plan->flags.noise, &experiment->round.measures);
    if (r == 0)
        r = fd_engine_model(experiment->engine, &model);
    if (r != 0)
        return r;
    experiment->round.logdet = model.logdet;
    experiment->round.labels = experiment->labels;
    if (experiment->n_chosen == 0)
        experiment->round.uses_per_item = experiment->round.reward_gap =
            experiment->round.nearest_cosine = experiment->round.d_efficiency = NAN;
    return 0;
}

int fd_run_rounds(const fd_plan *plan, const fd_testbed *testbed, const fd_run *run,
                  const fd_run_hooks *hooks, fd_fault *fault) {
    FD_CLEANUP(clear)
    fd_experiment experiment = {.plan = plan,
                                .testbed = testbed,
                                .run = run,
                                .rewards = testbed->rewards[run->reward],
                                .fault = fault};
    int r = open_engine(&experiment);
    if (r == 0)
        r = add_items(&experiment);
    for (uint64_t i = 1; i <= plan->flags.rounds && r == 0; i++) {
        experiment.round = (fd_round){.round = i};
        experiment.n_chosen = 0;
        r = answer_round(&experiment, hooks);
        if (r == 0)
            r = train(&experiment);
        if (r == 0)
            r = evaluate(&experiment);
        if (r == 0)
            r = hooks->on_round(hooks->context, run, &experiment.round);
    }
    return r;
}
