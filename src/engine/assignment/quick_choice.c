/* Draws a small sample, scores its pairs, and takes the best. */
#include "quick_choice.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignments_state.h"
#include "candidate_sample.h"
#include "engine_state.h"
#include "pair_set.h"
#include "random_bytes.h"
#include "snapshot_rows.h"
#include "thread.h"

/* Candidates drawn: at least, for each pair, and at most. */
enum { LEAST = 32, PER_PAIR = 8, MOST = 512 };

/* Where all pairs are at most this many, they are all looked at rather than finding none. */
enum { LOOKED_AT_MOST = 16384 };

struct scored {
    size_t index; /* in the sample */
    double score;
    double gain, p;
    bool taken;
};

/* ---- the sample ---- */

/* Whether an annotator may get the pair now; *ret_anyone: whether anyone may. */
static bool is_free(const fd_assignments *assignments, const fd_engine_options *options,
                    fi_pair pair, uint32_t annotator, bool *ret_anyone) {
    const fd_pair_record *record = fd_pair_records_find(&assignments->records, pair);
    *ret_anyone = !record || (!record->ready && record->open == 0 &&
                              fd_pair_record_annotators_wanted(options, record) > 0);
    return *ret_anyone && (!record || !fd_pair_record_has_annotator(record, annotator));
}

/* Keeps the pairs that the annotator may get. *ret_anyone: whether anyone may get any. */
static void keep_free(fd_engine *engine, uint32_t annotator, fd_candidate_sample *sample,
                      bool *ret_anyone) {
    fd_assignments *assignments = engine->assignments;
    size_t kept = 0;
    *ret_anyone = false;
    FD_LOCKED(&assignments->lock);
    for (size_t i = 0; i < sample->n_pairs; i++) {
        bool anyone;
        if (is_free(assignments, &engine->options, sample->pairs[i], annotator, &anyone))
            sample->pairs[kept++] = sample->pairs[i];
        *ret_anyone |= anyone;
    }
    sample->n_pairs = kept;
}

static int draw(fd_engine *engine, const fd_snapshot *snapshot, size_t pairs, uint64_t seed,
                fd_candidate_sample *ret) {
    static const fd_pair_set none = {0};
    fd_sampling sampling = {
        .scope = engine->options.candidates.scope,
        .pairs = pairs,
        .looked_at_most = LOOKED_AT_MOST,
    };
    return fd_candidate_sample_draw(engine, snapshot, &sampling, seed, &none, ret);
}

/* Draws pairs that the annotator may get. Pairs that are out are drawn too, so that a small table
 * is looked at as a whole before it counts as used up. */
static int draw_free(fd_engine *engine, const fd_snapshot *snapshot, uint32_t annotator,
                     size_t pairs, uint64_t seed, fd_candidate_sample *ret, bool *ret_is_last) {
    bool anyone;
    int r = draw(engine, snapshot, pairs, seed, ret);
    if (r < 0)
        return r;
    keep_free(engine, annotator, ret, &anyone);
    if (ret->n_pairs > 0 || (ret->is_whole && !anyone)) {
        *ret_is_last = ret->n_pairs == 0;
        return 0;
    }
    fd_candidate_sample_clear(ret);
    r = draw(engine, snapshot, LOOKED_AT_MOST, seed, ret);
    if (r < 0)
        return r;
    keep_free(engine, annotator, ret, &anyone);
    *ret_is_last = ret->is_whole && !anyone;
    if (ret->n_pairs > pairs)
        ret->n_pairs = pairs;
    return 0;
}

/* ---- scores ---- */

/* What the configured strategy looks at, in a form that costs little. */
static double score_of(const char *strategy, double logit, double gain, fd_rng *rng) {
    if (strcmp(strategy, "random") == 0)
        return fd_rng_uniform(rng);
    if (strcmp(strategy, "entropy") == 0)
        return -fabs(logit);
    if (strcmp(strategy, "maxdiff") == 0)
        return fabs(logit);
    return gain;
}

static int score(const fd_engine *engine, const fd_snapshot *snapshot,
                 const fd_candidate_sample *sample, fd_rng *rng, struct scored *scored) {
    size_t width = snapshot->features->width;
    FD_CLEANUP(fd_snapshot_rows_clear) fd_snapshot_rows rows = {0};
    FD_FREE double *leverages = calloc(sample->n_pairs + 1, sizeof(*leverages));
    FD_FREE double *difference = calloc(width, sizeof(*difference));
    if (!leverages || !difference)
        return -ENOMEM;
    int r = fd_snapshot_rows_copy(snapshot, sample->pairs, sample->n_pairs, &rows);
    for (size_t i = 0; i < sample->n_pairs && r == 0; i++) {
        fi_pair pair = rows.pairs[i];
        const float *a = rows.features + pair.a * width, *b = rows.features + pair.b * width;
        for (size_t j = 0; j < width; j++)
            difference[j] = (double)a[j] - (double)b[j];
        double logit = (double)rows.rewards[pair.a] - (double)rows.rewards[pair.b];
        double weight = fi_weight(logit) / fd_served_model_design_effect(snapshot->served);
        double gain = log1p(weight * fi_factor_leverage(snapshot->design, difference));
        scored[i] = (struct scored){.index = i,
                                    .score = score_of(engine->options.strategy, logit, gain, rng),
                                    .gain = gain,
                                    .p = fi_probability(logit)};
    }
    return r;
}

/* ---- the choice ---- */

/* The best pair that shares no item with those taken, or the best of all that are left. */
static struct scored *best_of(struct scored *scored, const fi_pair *pairs, size_t n) {
    struct scored *best = NULL, *apart = NULL;
    for (size_t i = 0; i < n; i++) {
        bool touches = false;
        if (scored[i].taken)
            continue;
        for (size_t k = 0; k < n && !touches; k++)
            touches = scored[k].taken && (pairs[k].a == pairs[i].a || pairs[k].a == pairs[i].b ||
                                          pairs[k].b == pairs[i].a || pairs[k].b == pairs[i].b);
        if (!best || scored[i].score > best->score)
            best = &scored[i];
        if (!touches && (!apart || scored[i].score > apart->score))
            apart = &scored[i];
    }
    return apart ? apart : best;
}

static struct scored *any_of(struct scored *scored, size_t n, size_t taken, fd_rng *rng) {
    if (taken >= n)
        return NULL;
    size_t skipped = (size_t)fd_rng_below(rng, n - taken), i = 0;
    while (scored[i].taken || skipped-- > 0)
        i++;
    return &scored[i];
}

static int take(fd_engine *engine, const fd_snapshot *snapshot, const fd_candidate_sample *sample,
                struct scored *scored, size_t count, fd_rng *rng, fd_quick_choice *choice) {
    choice->pairs = calloc(count + 1, sizeof(fd_ready_pair *));
    if (!choice->pairs)
        return -ENOMEM;
    while (choice->count < count) {
        bool control = fd_rng_uniform(rng) < engine->options.control_fraction;
        struct scored *next = control ? any_of(scored, sample->n_pairs, choice->count, rng)
                                      : best_of(scored, sample->pairs, sample->n_pairs);
        if (!next)
            return 0;
        next->taken = true;
        fd_selected_pair selected = {.gain = control ? (double)NAN : next->gain, .p = next->p};
        int r = fd_ready_pair_new(engine, sample->pairs[next->index],
                                  control ? FD_ARM_CONTROL : FD_ARM_ACTIVE,
                                  control ? "random" : FD_QUICK_STRATEGY, &selected,
                                  snapshot->served->row.version, &choice->pairs[choice->count]);
        if (r < 0)
            return r;
        choice->count++;
    }
    return 0;
}

int fd_quick_choice_make(fd_engine *engine, uint32_t annotator, size_t count, fd_quick_choice *ret,
                         fd_fault *fault) {
    FD_CLEANUP(fd_quick_choice_clear) fd_quick_choice choice = {0};
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    FD_CLEANUP(fd_candidate_sample_clear) fd_candidate_sample sample = {0};
    uint64_t seed;
    fd_random_bytes(&seed, sizeof(seed));
    fd_rng rng = fd_rng_seeded(~seed);
    size_t wanted = count < MOST / PER_PAIR ? count * PER_PAIR : MOST;
    int r = fd_engine_snapshot(engine, &snapshot, fault);
    if (r == 0)
        r = draw_free(engine, snapshot, annotator, wanted > LEAST ? wanted : LEAST, seed, &sample,
                      &choice.is_last);
    if (r < 0)
        return r;
    FD_FREE struct scored *scored = calloc(sample.n_pairs + 1, sizeof(*scored));
    if (!scored)
        return -ENOMEM;
    r = score(engine, snapshot, &sample, &rng, scored);
    if (r == 0)
        r = take(engine, snapshot, &sample, scored, count, &rng, &choice);
    if (r < 0)
        return r;
    *ret = choice;
    memset(&choice, 0, sizeof(choice));
    return 0;
}

void fd_quick_choice_clear(fd_quick_choice *choice) {
    for (size_t i = 0; i < choice->count; i++)
        fd_ready_pair_free(choice->pairs[i]);
    free(choice->pairs);
    memset(choice, 0, sizeof(*choice));
}
