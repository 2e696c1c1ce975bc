/* Draws a small sample, scores its pairs, and takes the best. */
#include "quick_choice.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignments_state.h"
#include "candidate_sample.h"
#include "engine_state.h"
#include "pair_set.h"
#include "pending_factor.h"
#include "random_bytes.h"
#include "snapshot_rows.h"
#include "thread.h"

/* Candidates drawn: at least, for each pair, for a pair of each other who waits, and at most. */
enum { LEAST = 64, PER_PAIR = 8, PER_OTHER = 32, MOST = 512 };

/* Choices that may be made again because others chose meanwhile. */
enum { TRIES = 4 };

/* Where all pairs are at most this many, they are all looked at rather than finding none. */
enum { LOOKED_AT_MOST = 16384 };

struct scored {
    size_t index; /* in the sample */
    double score;
    double gain, p;
    size_t scored_at; /* pairs that were taken before the gain was computed */
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

/* Draws pairs that the annotator may get, and says in `choice` what was looked at. Pairs that are
 * out are drawn too, so that a small table is looked at as a whole before it counts as used up. */
static int draw_free(fd_engine *engine, const fd_snapshot *snapshot, uint32_t annotator,
                     size_t pairs, uint64_t seed, fd_candidate_sample *ret,
                     fd_quick_choice *choice) {
    bool anyone;
    int r = draw(engine, snapshot, pairs, seed, ret);
    if (r < 0)
        return r;
    keep_free(engine, annotator, ret, &anyone);
    if (ret->n_pairs > 0 || (ret->is_whole && !anyone)) {
        choice->is_last = ret->n_pairs == 0;
        choice->is_whole = ret->is_whole;
        return 0;
    }
    fd_candidate_sample_clear(ret);
    r = draw(engine, snapshot, LOOKED_AT_MOST, seed, ret);
    if (r < 0)
        return r;
    keep_free(engine, annotator, ret, &anyone);
    choice->is_last = ret->is_whole && !anyone;
    choice->is_whole = ret->is_whole;
    if (ret->n_pairs > pairs)
        ret->n_pairs = pairs;
    return 0;
}

/* ---- scores ---- */

struct choosing {
    fd_engine *engine;
    const fd_snapshot *snapshot;
    const fd_candidate_sample *sample;
    fd_rng rng;
    fd_snapshot_rows rows; /* of the sample */
    fi_factor *known;      /* of M with pending pairs and those taken so far */
    double *difference;    /* [width] */
    struct scored *scored; /* [n_pairs] */
};

static void choosing_clear(struct choosing *choosing) {
    fd_snapshot_rows_clear(&choosing->rows);
    fi_factor_free(choosing->known);
    free(choosing->difference);
    free(choosing->scored);
}

static int choosing_init(struct choosing *choosing) {
    const fd_candidate_sample *sample = choosing->sample;
    choosing->difference =
        calloc(choosing->snapshot->features->width, sizeof(*choosing->difference));
    choosing->scored = calloc(sample->n_pairs + 1, sizeof(*choosing->scored));
    if (!choosing->difference || !choosing->scored)
        return -ENOMEM;
    return fd_snapshot_rows_copy(choosing->snapshot, sample->pairs, sample->n_pairs,
                                 &choosing->rows);
}

/* Whether the configured strategy looks at what is known, and not at the logits alone. */
static bool counts_known(const fd_engine *engine) {
    static const char *const others[] = {"random", "entropy", "maxdiff"};
    for (size_t i = 0; i < FD_LENGTH(others); i++)
        if (strcmp(engine->options.strategy, others[i]) == 0)
            return false;
    return true;
}

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

/* Sets the difference of a pair, and returns its weight: v / D, as its answer will count. */
static double look_at(struct choosing *choosing, const struct scored *scored) {
    const fd_snapshot_rows *rows = &choosing->rows;
    size_t width = choosing->snapshot->features->width;
    fi_pair pair = rows->pairs[scored->index];
    const float *a = rows->features + pair.a * width, *b = rows->features + pair.b * width;
    for (size_t j = 0; j < width; j++)
        choosing->difference[j] = (double)a[j] - (double)b[j];
    double weight = fi_weight((double)rows->rewards[pair.a] - (double)rows->rewards[pair.b]);
    return weight / fd_served_model_design_effect(choosing->snapshot->served);
}

static void score(struct choosing *choosing, struct scored *scored, size_t taken) {
    const fd_snapshot_rows *rows = &choosing->rows;
    fi_pair pair = rows->pairs[scored->index];
    double logit = (double)rows->rewards[pair.a] - (double)rows->rewards[pair.b];
    double weight = look_at(choosing, scored);
    scored->gain = log1p(weight * fi_factor_leverage(choosing->known, choosing->difference));
    scored->score =
        score_of(choosing->engine->options.strategy, logit, scored->gain, &choosing->rng);
    scored->p = fi_probability(logit);
    scored->scored_at = taken;
}

/* ---- the choice ---- */

/* The pair with the largest gain given those taken: a gain never rises with them, so only those
 * that lead are computed again. */
static struct scored *best_by_gain(struct choosing *choosing, size_t taken) {
    for (;;) {
        struct scored *best = NULL;
        for (size_t i = 0; i < choosing->sample->n_pairs; i++) {
            struct scored *scored = &choosing->scored[i];
            if (!scored->taken && (!best || scored->score > best->score))
                best = scored;
        }
        if (!best || best->scored_at == taken)
            return best;
        score(choosing, best, taken);
    }
}

/* The best pair that shares no item with those taken, or the best of all that are left. */
static struct scored *best_apart(struct choosing *choosing) {
    struct scored *scored = choosing->scored, *best = NULL, *apart = NULL;
    const fi_pair *pairs = choosing->sample->pairs;
    size_t n = choosing->sample->n_pairs;
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

static struct scored *any_of(struct choosing *choosing, size_t taken) {
    if (taken >= choosing->sample->n_pairs)
        return NULL;
    size_t i = 0;
    size_t skipped = (size_t)fd_rng_below(&choosing->rng, choosing->sample->n_pairs - taken);
    while (choosing->scored[i].taken || skipped-- > 0)
        i++;
    return &choosing->scored[i];
}

static int take(struct choosing *choosing, size_t count, fd_quick_choice *choice) {
    fd_engine *engine = choosing->engine;
    bool by_gain = counts_known(engine);
    choice->pairs = calloc(count + 1, sizeof(fd_ready_pair *));
    if (!choice->pairs)
        return -ENOMEM;
    while (choice->count < count) {
        bool control = fd_rng_uniform(&choosing->rng) < engine->options.control_fraction;
        struct scored *next = control   ? any_of(choosing, choice->count)
                              : by_gain ? best_by_gain(choosing, choice->count)
                                        : best_apart(choosing);
        if (!next)
            return 0;
        next->taken = true;
        double weight = look_at(choosing, next);
        fi_factor_update(choosing->known, weight, choosing->difference);
        fd_selected_pair selected = {.gain = control ? (double)NAN : next->gain, .p = next->p};
        int r = fd_ready_pair_new(
            engine, choosing->sample->pairs[next->index], control ? FD_ARM_CONTROL : FD_ARM_ACTIVE,
            control ? "random" : FD_QUICK_STRATEGY, &selected,
            choosing->snapshot->served->row.version, &choice->pairs[choice->count]);
        if (r < 0)
            return r;
        choice->count++;
    }
    return 0;
}

/* Chooses again where another choice changed what counts as known meanwhile. The last try stands
 * in any case. */
static int choose(struct choosing *choosing, size_t count, fd_quick_choice *choice) {
    fd_pending_factor *pending = &choosing->engine->assignments->pending;
    int r = choosing_init(choosing);
    bool done = false;
    for (int i = 0; i < TRIES && r == 0 && !done; i++) {
        uint64_t changes;
        fd_quick_choice_clear(choice);
        fi_factor_free(FD_STEAL(choosing->known));
        r = fd_pending_factor_copy(pending, choosing->snapshot, &choosing->known, &changes);
        for (size_t k = 0; r == 0 && k < choosing->sample->n_pairs; k++) {
            choosing->scored[k] = (struct scored){.index = k};
            score(choosing, &choosing->scored[k], 0);
        }
        if (r == 0)
            r = take(choosing, count, choice);
        done = r == 0 &&
               fd_pending_factor_replace(pending, choosing->snapshot, &choosing->known, changes);
    }
    return r;
}

static size_t count_candidates(size_t count, size_t others) {
    size_t wanted = count < MOST / PER_PAIR ? count * PER_PAIR : MOST;
    wanted = (wanted > LEAST ? wanted : LEAST) + others * PER_OTHER;
    return wanted < MOST ? wanted : MOST;
}

int fd_quick_choice_make(fd_engine *engine, uint32_t annotator, size_t count, size_t others,
                         fd_quick_choice *ret, fd_fault *fault) {
    FD_CLEANUP(fd_quick_choice_clear) fd_quick_choice choice = {0};
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    FD_CLEANUP(fd_candidate_sample_clear) fd_candidate_sample sample = {0};
    uint64_t seed;
    fd_random_bytes(&seed, sizeof(seed));
    int r = fd_engine_snapshot(engine, &snapshot, fault);
    if (r == 0)
        r = draw_free(engine, snapshot, annotator, count_candidates(count, others), seed, &sample,
                      &choice);
    if (r < 0)
        return r;
    FD_CLEANUP(choosing_clear)
    struct choosing choosing = {
        .engine = engine, .snapshot = snapshot, .sample = &sample, .rng = fd_rng_seeded(~seed)};
    bool is_last = choice.is_last, is_whole = choice.is_whole;
    r = choose(&choosing, count + others, &choice);
    if (r < 0)
        return r;
    choice.is_last = is_last;
    choice.is_whole = is_whole;
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
