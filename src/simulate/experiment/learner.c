/* Calls the engine for all that is learning. */
#include "learner.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "items.h"
#include "learning_progress.h"
#include "memory_store.h"
#include "model_info.h"
#include "options_for_engine.h"
#include "project.h"
#include "score.h"
#include "trainer.h"

/* The one name of a score. */
static const char score_name[] = "prior";

/* What is known of the scores and of the length are settings of the project. */
static int set_up_project(const fd_planned_learner *planned, fd_engine *engine) {
    fd_trust trust = planned->scores.given ? planned->scores.trust : FD_TRUST_UNKNOWN;
    fd_project_settings settings = {.better_length = planned->better_length,
                                    .n_scores = trust == FD_TRUST_UNKNOWN ? 0 : 1,
                                    .scores = {{.name = "prior", .trust = trust}}};
    fd_project_state changed;
    return fd_engine_project_change(engine, 0, &settings, NULL, &changed);
}

static int inform(const fd_planned_learner *planned, const fd_testbed *testbed,
                  const double *rewards, uint64_t seed, fd_learner *learner, fd_fault *fault) {
    int r = planned->scores.given ? fd_score_source_values(&planned->scores, testbed, rewards, seed,
                                                           &learner->scores, fault)
                                  : 0;
    return r == 0 ? set_up_project(planned, learner->engine) : r;
}

/* The score of an item in `room`; returns how many there are. */
static size_t score_of(const fd_learner *learner, uint32_t item, fd_item_score *room) {
    if (!learner->scores || isnan(learner->scores[item]))
        return 0;
    *room = (fd_item_score){.name = score_name, .value = learner->scores[item]};
    return 1;
}

int fd_learner_open(const fd_plan *plan, const fd_run *run, const fd_testbed *testbed,
                    const double *rewards, fd_learner *ret, fd_fault *fault) {
    fd_store *store;
    int r = fd_store_open_memory(&store);
    if (r < 0)
        return r;
    fd_engine_options options = fd_options_engine(&plan->learners[run->learner].options);
    *ret = (fd_learner){.as_daemon = plan->as_daemon, .retrain_labels = options.retrain_labels};
    options.hidden_width = (uint32_t)run->width;
    options.seed = run->seed;
    options.prompt_dimension = (uint32_t)testbed->prompt_dimension;
    options.retrain_labels = 0; /* the experiment decides when */
    options.retrain_seconds = 0;
    options.refit = plan->as_daemon;
    r = fd_engine_open(&options, store, &ret->engine, fault);
    if (r == 0)
        fd_engine_interrupt(ret->engine); /* without annotators no pair needs to lie ready */
    return r < 0 ? r
                 : inform(&plan->learners[run->learner], testbed, rewards, run->seed, ret, fault);
}

void fd_learner_close(fd_learner *learner) {
    if (learner->engine)
        fd_engine_close(learner->engine);
    free(learner->scores);
}

int fd_learner_add_items(fd_learner *learner, const fd_testbed *testbed, size_t n,
                         const uint32_t *items, fd_fault *fault) {
    FD_FREE fd_item_row *rows = calloc(n + 1, sizeof(*rows));
    FD_FREE fd_item_score *scores = calloc(n + 1, sizeof(*scores));
    if (!rows || !scores)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t prompt = testbed->prompts[items[i]];
        rows[i] = (fd_item_row){
            .id = testbed->ids[items[i]],
            .prompt_id = testbed->prompt_ids[prompt],
            .prompt = testbed->prompt_texts[prompt],
            .response = testbed->responses[items[i]],
            .embedding = testbed->embeddings + items[i] * testbed->dimension,
            .dimension = testbed->dimension,
            .scores = &scores[i],
            .n_scores = score_of(learner, items[i], &scores[i]),
        };
    }
    fd_added added;
    return fd_engine_items_add(learner->engine, rows, n, &added, fault);
}

int fd_learner_add_labels(fd_learner *learner, const fd_label *labels, size_t n, fd_fault *fault) {
    fd_added added;
    int r = fd_engine_labels_add(learner->engine, labels, n, &added, fault);
    if (r == 0)
        learner->labels += n;
    return r;
}

int fd_learner_learn(fd_learner *learner, fd_fault *fault) {
    bool due =
        !learner->as_daemon || (learner->retrain_labels > 0 &&
                                learner->labels - learner->trained >= learner->retrain_labels);
    if (due) {
        int r = fd_engine_train(learner->engine, FD_RETRAIN_CONFIGURED, fault);
        if (r < 0)
            return r;
        fd_engine_wait_trained(learner->engine);
        learner->trained = learner->labels;
    }
    fd_engine_wait_refitted(learner->engine);
    return 0;
}

int fd_learner_score(fd_learner *learner, const fd_testbed *testbed, size_t n,
                     const uint32_t *items, double *rewards, fd_fault *fault) {
    FD_FREE fd_item_reference *references = calloc(n + 1, sizeof(*references));
    FD_FREE fd_inline_texts *texts = calloc(n + 1, sizeof(*texts));
    FD_FREE fd_item_score *prior = calloc(n + 1, sizeof(*prior));
    FD_FREE fd_score *scores = calloc(n + 1, sizeof(*scores));
    uint64_t version;
    if (!references || !texts || !prior || !scores)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        texts[i] = (fd_inline_texts){.prompt = testbed->prompt_texts[testbed->prompts[items[i]]],
                                     .response = testbed->responses[items[i]]};
        references[i] =
            (fd_item_reference){.embedding = testbed->embeddings + items[i] * testbed->dimension,
                                .dimension = testbed->dimension,
                                .texts = &texts[i],
                                .scores = &prior[i],
                                .n_scores = score_of(learner, items[i], &prior[i])};
    }
    int r = fd_engine_score(learner->engine, references, n, scores, &version, fault);
    for (size_t i = 0; r == 0 && i < n; i++)
        rewards[i] = scores[i].reward;
    return r;
}

int fd_learner_read_state(fd_learner *learner, fd_learner_state *ret) {
    fd_model_info model;
    fd_progress progress;
    int r = fd_engine_model(learner->engine, &model);
    if (r < 0)
        return r;
    fd_engine_progress(learner->engine, &progress);
    *ret =
        (fd_learner_state){model.logdet, progress.stop_recommended, progress.expected_improvement};
    return 0;
}
