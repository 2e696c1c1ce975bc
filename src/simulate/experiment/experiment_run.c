#include "experiment_run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "engine_options.h"
#include "hash_draws.h"
#include "items.h"
#include "labels.h"
#include "memory_store.h"
#include "model_versions.h"
#include "pair_set.h"
#include "score.h"
#include "select.h"
#include "trainer.h"

enum { SCORED_AT_ONCE = 512, ID_SIZE = 32 };

struct session {
    const fd_plan *plan;
    const fd_testbed *data;
    const fd_run *run;
    const double *rewards;
    fd_engine *engine;
    size_t n_learning;
    uint32_t *learning; /* [n_learning] the data's item of each row of the engine's table */
    fd_pair_set asked;  /* how often each pair was, which numbers its coins */
    size_t n_queued, next, capacity;
    fi_pair
        *queue; /* [capacity] chosen, as items of the data; those from `next` are not answered */
    uint64_t fills; /* choices so far, which number their draws */
    uint64_t labels;
    fd_round round; /* the one that runs */
    size_t figured; /* pairs that its figures are of */
    fd_fault *fault;
};

static void session_clear(struct session *session) {
    if (session->engine)
        fd_engine_close(session->engine);
    fd_pair_set_clear(&session->asked);
    free(session->learning);
    free(session->queue);
}

/* ---- the engine ---- */

static int open_engine(struct session *session) {
    fd_store *store;
    int r = fd_store_open_memory(&store);
    if (r < 0)
        return r;
    fd_engine_options options = fd_options_engine(&session->plan->options);
    options.hidden_width = (uint32_t)session->run->width;
    options.seed = session->run->seed;
    options.retrain_labels = 0;
    options.retrain_seconds = 0;
    options.refit = false;
    r = fd_engine_open(&options, store, &session->engine, session->fault);
    if (r == 0)
        fd_engine_interrupt(session->engine); /* no annotators: nothing need lie ready */
    return r;
}

static int add_items(struct session *session) {
    const fd_testbed *data = session->data;
    FD_FREE fd_item_row *rows = calloc(data->n_items + 1, sizeof(*rows));
    session->learning = calloc(data->n_items + 1, sizeof(*session->learning));
    if (!rows || !session->learning)
        return -ENOMEM;
    for (size_t i = 0; i < data->n_items; i++) {
        if (data->held_out[data->prompts[i]])
            continue;
        rows[session->n_learning] = (fd_item_row){
            .id = data->ids[i],
            .prompt_id = data->prompt_ids[data->prompts[i]],
            .embedding = data->embeddings + i * data->dimension,
            .dimension = data->dimension,
        };
        session->learning[session->n_learning++] = (uint32_t)i;
    }
    fd_added added;
    return fd_engine_items_add(session->engine, rows, session->n_learning, &added, session->fault);
}

/* ---- choosing ---- */

/* Pairs of the queue from `from`, for the engine. */
static fd_pair_reference *references_of(const struct session *session, size_t from) {
    size_t n = session->n_queued - from;
    fd_pair_reference *references = calloc(n + 1, sizeof(*references));
    for (size_t i = 0; references && i < n; i++) {
        references[i].a.id = session->data->ids[session->queue[from + i].a];
        references[i].b.id = session->data->ids[session->queue[from + i].b];
    }
    return references;
}

static int enqueue(struct session *session, const fd_selection_result *answer) {
    int r = fd_array_reserve(&session->queue, &session->capacity, session->n_queued + answer->count,
                             sizeof(*session->queue));
    if (r < 0)
        return r;
    for (size_t i = 0; i < answer->count; i++) {
        fi_pair rows = answer->pairs[i].items;
        session->queue[session->n_queued++] =
            (fi_pair){session->learning[rows.a], session->learning[rows.b]};
    }
    return 0;
}

/* The mean over all pairs chosen in the round. */
static void note_figures(struct session *session, const fd_selection_result *answer) {
    fd_round *round = &session->round;
    session->figured += answer->count;
    double share = (double)answer->count / (double)session->figured;
    round->uses_per_item += share * (answer->chosen.mean_uses - round->uses_per_item);
    round->reward_gap += share * (answer->chosen.mean_reward_gap - round->reward_gap);
    round->nearest_cosine += share * (answer->chosen.mean_nearest_cosine - round->nearest_cosine);
    round->d_efficiency += share * (answer->d_efficiency - round->d_efficiency);
}

/* Chooses `count` pairs, with those of the queue from `known` on counted as known. */
static int choose(struct session *session, const char *strategy, size_t count, size_t known) {
    const fd_flags *flags = &session->plan->flags;
    FD_FREE fd_pair_reference *pending = references_of(session, known);
    if (!pending)
        return -ENOMEM;
    fd_selection_request request = {
        .batch_size = count,
        .up_to = true,
        .strategy = strategy,
        .has_seed = true,
        .seed = fd_hash_mix(fd_hash_mix(0, session->run->seed), session->fills++) >> 11,
        .generate = {.scope = session->run->mode,
                     .all = strcmp(flags->candidates, "all") == 0,
                     .prompts = flags->prompts,
                     .responses_per_prompt = flags->responses,
                     .pairs = session->plan->candidates},
        .pending = pending,
        .n_pending = session->n_queued - known,
    };
    FD_CLEANUP(fd_selection_result_clear) fd_selection_result answer = {0};
    if (count == 0)
        return 0;
    int r = fd_engine_select(session->engine, &request, &answer, session->fault);
    if (r < 0)
        return r;
    if (answer.count == 0)
        return fd_fault_set(session->fault, -EINVAL, "",
                            "round %" PRIu64 ": every pair was asked; fewer rounds or smaller "
                            "batches are possible",
                            session->round.round);
    note_figures(session, &answer);
    return enqueue(session, &answer);
}

/* Fills the empty queue with `count` pairs. */
static int fill_queue(struct session *session, size_t count) {
    const fd_flags *flags = &session->plan->flags;
    bool at_random = session->fills == 0 && strcmp(flags->first, "random") == 0;
    const char *strategy = at_random ? "random" : session->run->strategy;
    size_t control = (size_t)lround(flags->control_share * (double)count);
    session->n_queued = session->next = 0;
    int r = choose(session, "random", control, 0);
    if (r < 0)
        return r;
    size_t active = count - control;
    if (strcmp(flags->pending_aware, "yes") == 0)
        return choose(session, strategy, active, 0);
    r = choose(session, strategy, active / 2, session->n_queued);
    return r < 0 ? r : choose(session, strategy, active - active / 2, session->n_queued);
}

/* ---- answering ---- */

/* The next `count` pairs of the queue, each by as many annotators as the redundancy says. */
static int answer(struct session *session, size_t count) {
    size_t redundancy = session->plan->flags.redundancy, n = count * redundancy;
    FD_FREE fd_label *labels = calloc(n + 1, sizeof(*labels));
    FD_FREE char *texts = calloc(n + 1, 2 * (size_t)ID_SIZE);
    int r = fd_pair_set_reserve(&session->asked, count);
    if (!labels || !texts || r < 0)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        fi_pair pair = session->queue[session->next + i / redundancy];
        char *id = texts + i * 2 * (size_t)ID_SIZE, *annotator = id + ID_SIZE;
        (void)snprintf(id, ID_SIZE, "label-%" PRIu64, session->labels + i);
        (void)snprintf(annotator, ID_SIZE, "annotator-%zu", i % redundancy);
        uint32_t before = fd_pair_set_add(&session->asked, pair.a, pair.b);
        bool a = fd_prefers_a(session->rewards, session->plan->flags.noise, session->run->seed,
                              pair.a, pair.b, before);
        labels[i] = (fd_label){
            .id = id,
            .a = session->data->ids[pair.a],
            .b = session->data->ids[pair.b],
            .preference = a ? FD_PREFER_A : FD_PREFER_B,
            .annotator = annotator,
            .duration_ms = -1,
        };
    }
    fd_added added;
    r = fd_engine_labels_add(session->engine, labels, n, &added, session->fault);
    if (r < 0)
        return r;
    session->next += count;
    session->labels += n;
    return 0;
}

/* ---- a round ---- */

static int tell_chosen(struct session *session, const fd_watcher *watcher) {
    fd_chosen chosen = {session->run, &session->round, session->engine,
                        session->n_queued - session->next, session->queue + session->next};
    return watcher->on_chosen ? watcher->on_chosen(watcher->context, &chosen) : 0;
}

static int ask(struct session *session, const fd_watcher *watcher) {
    const fd_flags *flags = &session->plan->flags;
    size_t wanted = session->run->batch / flags->redundancy;
    wanted = wanted > 0 ? wanted : 1;
    /* The first pairs, drawn at random, are no more than those of a round. */
    bool ahead = flags->stale > 0 && (session->fills > 0 || flags->stale < wanted ||
                                      strcmp(flags->first, "random") != 0);
    size_t at_once = ahead ? flags->stale : wanted;
    while (wanted > 0) {
        double start = fd_monotonic_seconds();
        int r = 0;
        bool empty = session->next == session->n_queued;
        if (empty)
            r = fill_queue(session, at_once);
        session->round.select_seconds += fd_monotonic_seconds() - start;
        if (r == 0 && empty)
            r = tell_chosen(session, watcher);
        size_t left = session->n_queued - session->next;
        size_t count = left < wanted ? left : wanted;
        if (r == 0)
            r = answer(session, count);
        if (r < 0)
            return r;
        wanted -= count;
    }
    return 0;
}

static int train(struct session *session) {
    double start = fd_monotonic_seconds();
    int r = fd_engine_train(session->engine, FD_RETRAIN_CONFIGURED, session->fault);
    if (r < 0)
        return r;
    fd_engine_wait_trained(session->engine);
    session->round.train_seconds = fd_monotonic_seconds() - start;
    return 0;
}

/* predicted [n_items], set for the held-out items. */
static int score_held_out(struct session *session, double *predicted) {
    const fd_testbed *data = session->data;
    fd_item_reference references[SCORED_AT_ONCE];
    fd_score scores[SCORED_AT_ONCE];
    uint32_t items[SCORED_AT_ONCE];
    uint64_t version;
    size_t n = 0;
    for (size_t i = 0; i < data->n_items; i++) {
        if (data->held_out[data->prompts[i]]) {
            items[n] = (uint32_t)i;
            references[n++] = (fd_item_reference){
                .embedding = data->embeddings + i * data->dimension, .dimension = data->dimension};
        }
        if (n < SCORED_AT_ONCE && i + 1 < data->n_items)
            continue;
        int r = fd_engine_score(session->engine, references, n, scores, &version, session->fault);
        if (r < 0)
            return r;
        for (size_t j = 0; j < n; j++)
            predicted[items[j]] = scores[j].reward;
        n = 0;
    }
    return 0;
}

static int evaluate(struct session *session) {
    FD_FREE double *predicted = calloc(session->data->n_items + 1, sizeof(*predicted));
    if (!predicted)
        return -ENOMEM;
    fd_model_info model;
    int r = score_held_out(session, predicted);
    if (r == 0)
        r = fd_ranking_measures_of(session->data, session->rewards, predicted,
                                   session->plan->flags.noise, &session->round.measures);
    if (r == 0)
        r = fd_engine_model(session->engine, &model);
    if (r != 0)
        return r;
    session->round.logdet = model.logdet;
    session->round.labels = session->labels;
    if (session->figured == 0)
        session->round.uses_per_item = session->round.reward_gap = session->round.nearest_cosine =
            session->round.d_efficiency = NAN;
    return 0;
}

int fd_run_rounds(const fd_plan *plan, const fd_testbed *data, const fd_run *run,
                  const fd_watcher *watcher, fd_fault *fault) {
    FD_CLEANUP(session_clear)
    struct session session = {.plan = plan,
                              .data = data,
                              .run = run,
                              .rewards = data->rewards[run->reward],
                              .fault = fault};
    int r = open_engine(&session);
    if (r == 0)
        r = add_items(&session);
    for (uint64_t i = 1; i <= plan->flags.rounds && r == 0; i++) {
        session.round = (fd_round){.round = i};
        session.figured = 0;
        r = ask(&session, watcher);
        if (r == 0)
            r = train(&session);
        if (r == 0)
            r = evaluate(&session);
        if (r == 0)
            r = watcher->on_round(watcher->context, run, &session.round);
    }
    return r;
}
