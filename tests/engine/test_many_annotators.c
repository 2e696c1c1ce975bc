/* Many annotators at once, some of whom vanish: assignments, stored labels and information stay
 * right. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assignments.h"
#include "fixture.h"
#include "labels.h"
#include "model_versions.h"
#include "select.h"
#include "thread.h"
#include "trainer.h"

enum {
    ANNOTATORS = 50,
    ANSWERS = 10000, /* FISHERD_CROWD_ANSWERS in the environment: another number */
    PROMPTS = 80,
    RESPONSES = 16,
    REDUNDANCY = 2,
    BACKLOG = 6,
    OUT_MAX = 4096
};

/* A lease that is open, as far as the annotators know. */
struct out {
    char id[64];
    uint64_t pair;
    int64_t expires_ms;
};

struct crowd {
    fd_engine *engine;
    fixture_clock clock;
    size_t wanted;
    double deadline;
    atomic_size_t acknowledged;
    atomic_int failures; /* asserts belong to the main thread */
    pthread_mutex_t lock;
    size_t n_out; /* guarded by lock, like all below and the moves of the clock */
    struct out out[OUT_MAX];
    uint8_t times[PROMPTS * RESPONSES][RESPONSES]; /* open leases of each pair */
    uint8_t most;
};

struct sent {
    char id[32];
    char annotator[32];
    fixture_given given;
    fd_preference preference; /* of the last acknowledged revision */
    bool acknowledged;
};

struct annotator {
    struct crowd *crowd;
    size_t number;
    size_t life; /* a new name after each crash */
    char name[32];
    uint64_t rng;
    size_t n_sent, first_unsent, capacity;
    struct sent *sent;
};

static uint64_t draw_below(struct annotator *annotator, uint64_t n) {
    annotator->rng = annotator->rng * 6364136223846793005u + 1442695040888963407u;
    return (annotator->rng >> 33) % n;
}

static void expect(struct crowd *crowd, bool condition, const char *what) {
    if (condition)
        return;
    if (atomic_fetch_add(&crowd->failures, 1) < 10)
        (void)fprintf(stderr, "failed: %s\n", what);
}
#define EXPECT(crowd, condition) expect(crowd, condition, #condition)

static bool number_of(const fixture_given *given, uint64_t *ret) {
    unsigned p, a, q, b;
    if (sscanf(given->a, "p%u-r%u", &p, &a) != 2 || sscanf(given->b, "p%u-r%u", &q, &b) != 2 ||
        p != q)
        return false;
    *ret = (uint64_t)(p * RESPONSES + (a < b ? a : b)) << 32 | (a < b ? b : a);
    return true;
}

static uint8_t *times_of(struct crowd *crowd, uint64_t pair) {
    return &crowd->times[pair >> 32][(uint32_t)pair];
}

/* ---- open leases: noted after they begin, struck off before they end ---- */

static void note_out(struct crowd *crowd, const fixture_given *given) {
    uint64_t pair = 0;
    EXPECT(crowd, number_of(given, &pair));
    FD_LOCKED(&crowd->lock);
    bool known = given->expires_ms <= atomic_load(&crowd->clock.now_ms);
    for (size_t i = 0; i < crowd->n_out && !known; i++)
        known = strcmp(crowd->out[i].id, given->id) == 0;
    if (!known && crowd->n_out < OUT_MAX) {
        struct out *out = &crowd->out[crowd->n_out++];
        memcpy(out->id, given->id, sizeof(out->id));
        out->pair = pair;
        out->expires_ms = given->expires_ms;
        uint8_t times = ++*times_of(crowd, pair);
        if (times > crowd->most)
            crowd->most = times;
    }
}

static void drop_out(struct crowd *crowd, size_t i) {
    --*times_of(crowd, crowd->out[i].pair);
    crowd->out[i] = crowd->out[--crowd->n_out];
}

static void cross_out(struct crowd *crowd, const char *id) {
    FD_LOCKED(&crowd->lock);
    for (size_t i = crowd->n_out; i-- > 0;)
        if (strcmp(crowd->out[i].id, id) == 0)
            drop_out(crowd, i);
}

static void let_time_pass(struct crowd *crowd, double seconds) {
    FD_LOCKED(&crowd->lock);
    int64_t then = atomic_load(&crowd->clock.now_ms) + (int64_t)(seconds * 1e3);
    for (size_t i = crowd->n_out; i-- > 0;)
        if (crowd->out[i].expires_ms <= then)
            drop_out(crowd, i);
    fixture_pass(&crowd->clock, seconds);
}

/* ---- an annotator ---- */

static int keep(void *context, const fd_assignment *assignment) {
    fixture_hand *hand = context;
    fixture_given *given = &hand->given[hand->count++];
    (void)snprintf(given->id, sizeof(given->id), "%s", assignment->id);
    (void)snprintf(given->a, sizeof(given->a), "%s", assignment->a->id);
    (void)snprintf(given->b, sizeof(given->b), "%s", assignment->b->id);
    given->gain = assignment->gain;
    given->expires_ms = assignment->expires_ms;
    return 0;
}

static bool was_answered(const struct annotator *annotator, const fixture_given *given) {
    for (size_t i = 0; i < annotator->n_sent; i++)
        if (strcmp(annotator->sent[i].annotator, annotator->name) == 0 &&
            annotator->sent[i].preference != FD_PREFER_RETRACTED && /* it may be assigned again */
            fixture_same_pair(&annotator->sent[i].given, given))
            return true;
    return false;
}

static void decide(struct annotator *annotator, const fixture_given *given) {
    if (annotator->n_sent == annotator->capacity) {
        annotator->capacity = annotator->capacity ? 2 * annotator->capacity : 64;
        annotator->sent =
            reallocarray(annotator->sent, annotator->capacity, sizeof(*annotator->sent));
        if (!annotator->sent)
            abort();
    }
    struct sent *sent = &annotator->sent[annotator->n_sent];
    memset(sent, 0, sizeof(*sent));
    (void)snprintf(sent->id, sizeof(sent->id), "%zu-%zu", annotator->number, annotator->n_sent++);
    memcpy(sent->annotator, annotator->name, sizeof(sent->annotator));
    sent->given = *given;
    uint64_t draw = draw_below(annotator, 20);
    sent->preference = draw < 10   ? FD_PREFER_A
                       : draw < 18 ? FD_PREFER_B
                       : draw < 19 ? FD_PREFER_TIE
                                   : FD_PREFER_SKIP;
}

static fd_label label_of(const struct sent *sent) {
    return (fd_label){.id = sent->id,
                      .a = sent->given.a,
                      .b = sent->given.b,
                      .preference = sent->preference,
                      .annotator = sent->annotator,
                      .assignment = sent->given.id,
                      .duration_ms = 7};
}

/* Sends the labels that wait, in any order and some of them twice. */
static void send_all(struct annotator *annotator) {
    struct crowd *crowd = annotator->crowd;
    size_t n = annotator->n_sent - annotator->first_unsent;
    fd_label labels[BACKLOG + 2];
    for (size_t i = 0; i < n; i++) {
        struct sent *one = &annotator->sent[annotator->first_unsent + i];
        labels[i] = label_of(one);
        cross_out(crowd, one->given.id);
    }
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)draw_below(annotator, i);
        fd_label swapped = labels[i - 1];
        labels[i - 1] = labels[j];
        labels[j] = swapped;
    }
    size_t twice = draw_below(annotator, 3) == 0;
    if (twice)
        labels[n] = labels[draw_below(annotator, n)];
    for (size_t i = 0; i < n + twice;) {
        size_t list = 1 + (size_t)draw_below(annotator, n + twice - i);
        fd_added added;
        fd_fault fault = {0};
        EXPECT(crowd, fd_engine_labels_add(crowd->engine, labels + i, list, &added, &fault) == 0);
        (void)atomic_fetch_add(&crowd->acknowledged, added.created);
        i += list;
    }
    for (size_t i = annotator->first_unsent; i < annotator->n_sent; i++)
        annotator->sent[i].acknowledged = true;
    annotator->first_unsent = annotator->n_sent;
}

static void correct(struct annotator *annotator) {
    struct sent *sent = &annotator->sent[draw_below(annotator, annotator->n_sent)];
    fd_preference preference = (fd_preference)draw_below(annotator, FD_PREFER_RETRACTED + 1);
    uint32_t revision;
    if (!sent->acknowledged)
        return;
    EXPECT(annotator->crowd, fd_engine_label_revise(annotator->crowd->engine, sent->id, NULL,
                                                    preference, -1, NULL, &revision) == 0);
    sent->preference = preference;
}

static void take(struct annotator *annotator) {
    struct crowd *crowd = annotator->crowd;
    fixture_hand hand = {0};
    fd_fault fault = {0};
    size_t count = 1 + (size_t)draw_below(annotator, 3);
    EXPECT(crowd,
           fd_engine_assign(crowd->engine,
                            &(fd_assign_request){
                                .annotator = annotator->name, .count = count, .lease_seconds = 60},
                            keep, &hand, &fault) == 0);
    EXPECT(crowd, hand.count <= count);
    for (size_t i = 0; i < hand.count; i++)
        note_out(crowd, &hand.given[i]);
    if (hand.count == 0)
        (void)sched_yield();
    uint64_t fate = draw_below(annotator, 40);
    if (fate == 0) { /* vanishes, with all labels that were not sent */
        (void)snprintf(annotator->name, sizeof(annotator->name), "%zu.%zu", annotator->number,
                       ++annotator->life);
        annotator->n_sent = annotator->first_unsent;
        return;
    }
    for (size_t i = 0; i < hand.count; i++) {
        if (was_answered(annotator, &hand.given[i])) {
            bool waits = false; /* open until its label arrives, or expired and assigned again */
            for (size_t k = annotator->first_unsent; k < annotator->n_sent; k++)
                if (fixture_same_pair(&annotator->sent[k].given, &hand.given[i])) {
                    annotator->sent[k].given = hand.given[i];
                    waits = true;
                }
            EXPECT(crowd, waits);
        } else if (fate == 1) {
            cross_out(crowd, hand.given[i].id);
            int r = fd_engine_assignment_return(crowd->engine, hand.given[i].id, NULL);
            EXPECT(crowd, r == 0 || r == -ENOENT);
        } else if (annotator->n_sent - annotator->first_unsent < BACKLOG) {
            decide(annotator, &hand.given[i]);
        }
    }
}

static void *annotate(void *context) {
    struct annotator *annotator = context;
    struct crowd *crowd = annotator->crowd;
    (void)snprintf(annotator->name, sizeof(annotator->name), "%zu.0", annotator->number);
    while (atomic_load(&crowd->acknowledged) < crowd->wanted) {
        take(annotator);
        if (annotator->n_sent > annotator->first_unsent &&
            (draw_below(annotator, 2) == 0 ||
             annotator->n_sent - annotator->first_unsent >= BACKLOG - 2))
            send_all(annotator);
        if (annotator->n_sent > 0 && draw_below(annotator, 50) == 0)
            correct(annotator);
        if (draw_below(annotator, 400) == 0)
            let_time_pass(crowd, 45);
        if (fixture_seconds() > crowd->deadline) {
            EXPECT(crowd, "in time" == NULL);
            break;
        }
    }
    return NULL;
}

/* ---- the history ---- */

struct history {
    struct annotator *annotators;
    uint32_t *rows[ANNOTATORS]; /* how often revision 0 of each label was read */
    fd_preference *newest[ANNOTATORS];
};

static int read_row(void *context, const fd_label_view *label) {
    struct history *history = context;
    size_t number, which;
    assert_int_equal(sscanf(label->row->id, "%zu-%zu", &number, &which), 2);
    assert_true(number < ANNOTATORS && which < history->annotators[number].n_sent);
    const struct sent *sent = &history->annotators[number].sent[which];
    assert_string_equal(label->a, sent->given.a);
    assert_string_equal(label->b, sent->given.b);
    assert_string_equal(label->row->annotator, sent->annotator);
    history->rows[number][which] += label->row->revision == 0;
    history->newest[number][which] = label->row->preference;
    return 0;
}

static void check_history(struct crowd *crowd, struct annotator *annotators) {
    struct history history = {.annotators = annotators};
    size_t acknowledged = 0;
    for (size_t i = 0; i < ANNOTATORS; i++) {
        history.rows[i] = calloc(annotators[i].n_sent + 1, sizeof(uint32_t));
        history.newest[i] = calloc(annotators[i].n_sent + 1, sizeof(fd_preference));
        assert_true(history.rows[i] && history.newest[i]);
    }
    assert_int_equal(fd_engine_labels_read(crowd->engine, 0, SIZE_MAX, read_row, &history), 0);
    for (size_t i = 0; i < ANNOTATORS; i++) {
        for (size_t k = 0; k < annotators[i].n_sent; k++) {
            assert_int_equal(history.rows[i][k], annotators[i].sent[k].acknowledged);
            if (annotators[i].sent[k].acknowledged)
                assert_int_equal(history.newest[i][k], annotators[i].sent[k].preference);
            acknowledged += annotators[i].sent[k].acknowledged;
        }
        free(history.rows[i]);
        free(history.newest[i]);
    }
    assert_int_equal(acknowledged, atomic_load(&crowd->acknowledged));
}

/* Waits until no training runs or is due. The answers are random, so the last model may be
 * rejected.
 */
static void wait_until_quiet(struct crowd *crowd) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(crowd->engine, FD_RETRAIN_CONFIGURED, &fault), 0);
    fd_engine_wait_trained(crowd->engine);
    assert_int_equal(fixture_model(crowd->engine).worker, FD_TRAINER_IDLE);
}

static void many_annotators_lose_nothing_and_do_nothing_twice(void **state) {
    (void)state;
    static struct crowd crowd;
    static struct annotator annotators[ANNOTATORS];
    FD_CLEANUP(world_clear) struct world world;
    pthread_t threads[ANNOTATORS];
    const char *wanted = getenv("FISHERD_CROWD_ANSWERS");
    double start = fixture_seconds();
    world_prepare(&world);
    fixture_use_clock(&world.options, &crowd.clock);
    world.options.redundancy = REDUNDANCY;
    world.options.redundancy_share = 0.5;
    world.options.control_fraction = 0.1;
    world.options.retrain_labels = 500;
    world_start(&world, PROMPTS, RESPONSES);
    crowd.engine = world.engine;
    crowd.wanted = wanted ? strtoul(wanted, NULL, 10) : ANSWERS;
    crowd.deadline = start + 540;
    (void)pthread_mutex_init(&crowd.lock, NULL);
    for (size_t i = 0; i < ANNOTATORS; i++) {
        annotators[i] = (struct annotator){.crowd = &crowd, .number = i, .rng = 100 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, annotate, &annotators[i]), 0);
    }
    for (size_t i = 0; i < ANNOTATORS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    double seconds = fixture_seconds() - start;
    assert_int_equal(atomic_load(&crowd.failures), 0);
    assert_in_range(crowd.most, 2, REDUNDANCY);
    check_history(&crowd, annotators);

    wait_until_quiet(&crowd);
    fd_model_info kept = fixture_model(world.engine);
    world_reopen(&world);
    fd_model_info recomputed = fixture_model(world.engine);
    assert_int_equal(kept.version, recomputed.version);
    assert_int_equal(kept.labels, recomputed.labels);
    assert_true(fabs(kept.logdet - recomputed.logdet) <= 1e-6 * fabs(recomputed.logdet));
    print_message("%zu answers in %.1f s, %u models; log det %.9f kept, %.9f recomputed\n",
                  atomic_load(&crowd.acknowledged), seconds, (unsigned)kept.version, kept.logdet,
                  recomputed.logdet);
    for (size_t i = 0; i < ANNOTATORS; i++)
        free(annotators[i].sent);
    (void)pthread_mutex_destroy(&crowd.lock);
}

/* ---- pending pairs count as known ---- */

enum { AT_ONCE = 32 };

struct asker {
    fd_engine *engine;
    pthread_barrier_t *barrier;
    size_t number;
    fixture_hand hand;
    int result;
};

static void *ask_at_once(void *context) {
    struct asker *asker = context;
    char name[16];
    fd_fault fault = {0};
    (void)snprintf(name, sizeof(name), "ann-%zu", asker->number);
    (void)pthread_barrier_wait(asker->barrier);
    asker->result =
        fd_engine_assign(asker->engine, &(fd_assign_request){.annotator = name, .count = 1}, keep,
                         &asker->hand, &fault);
    return NULL;
}

/* log det of the information with that of these pairs. */
static double joint_logdet(fd_engine *engine, const fd_pair_reference *pairs, size_t n) {
    fd_selection_request request = fixture_request(1, FI_SCOPE_WITHIN, 1);
    fd_selection_result result;
    fd_fault fault = {0};
    request.pending = pairs;
    request.n_pending = n;
    assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
    double logdet = result.logdet_before;
    fd_selection_result_clear(&result);
    return logdet;
}

/* The same for `times` batches that do not count each other as known, each from its own candidates.
 */
static double unaware_logdet(fd_engine *engine, size_t times, size_t candidates, uint64_t step) {
    fd_pair_reference pairs[AT_ONCE];
    fd_fault fault = {0};
    size_t n = AT_ONCE / times;
    for (size_t i = 0; i < times; i++) {
        fd_selection_request request = fixture_request(n, FI_SCOPE_WITHIN, 1 + i * step);
        fd_selection_result result;
        request.generate.pairs = candidates;
        assert_int_equal(fd_engine_select(engine, &request, &result, &fault), 0);
        assert_int_equal(result.count, n);
        for (size_t k = 0; k < n; k++)
            pairs[i * n + k] =
                (fd_pair_reference){{.id = result.pairs[k].a}, {.id = result.pairs[k].b}};
        fd_selection_result_clear(&result);
    }
    return joint_logdet(engine, pairs, AT_ONCE);
}

static void annotators_who_ask_at_once_get_the_pairs_of_one_batch(void **state) {
    (void)state;
    static const struct {
        uint32_t ready, candidates;
    } rounds[] = {{32, 20000}, {8, 20000}, {1, 20000}, {1, 100}};
    for (size_t round = 0; round < FD_LENGTH(rounds); round++) {
        FD_CLEANUP(world_clear) struct world world;
        pthread_barrier_t barrier;
        pthread_t threads[AT_ONCE];
        static struct asker askers[AT_ONCE];
        fd_pair_reference pairs[AT_ONCE];
        world_prepare(&world);
        world.options.kind = FI_KIND_NETWORK;
        world.options.hidden_width = 32;
        world.options.prior_precision = 1e-3;
        world.options.ready = rounds[round].ready;
        world.options.strategy = "greedy";
        world.options.candidates.per_pair = rounds[round].candidates / rounds[round].ready;
        world.options.candidates.contested = 1.0;
        world_start(&world, 40, 8);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(fixture_label(world.engine, i, fixture_item_id(i % 40, i / 40),
                                           fixture_item_id(i % 40, 7),
                                           i % 3 ? FD_PREFER_A : FD_PREFER_B),
                             0);
        (void)fixture_train(world.engine);
        fixture_wait_version(world.engine, 1);
        double before = fixture_model(world.engine).logdet;

        assert_int_equal(pthread_barrier_init(&barrier, NULL, AT_ONCE), 0);
        for (size_t i = 0; i < AT_ONCE; i++) {
            askers[i] = (struct asker){.engine = world.engine, .barrier = &barrier, .number = i};
            assert_int_equal(pthread_create(&threads[i], NULL, ask_at_once, &askers[i]), 0);
        }
        for (size_t i = 0; i < AT_ONCE; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        (void)pthread_barrier_destroy(&barrier);
        double promised = 0;
        for (size_t i = 0; i < AT_ONCE; i++) {
            assert_int_equal(askers[i].result, 0);
            assert_int_equal(askers[i].hand.count, 1);
            promised += askers[i].hand.given[0].gain;
            pairs[i] = (fd_pair_reference){{.id = askers[i].hand.given[0].a},
                                           {.id = askers[i].hand.given[0].b}};
        }

        double aware = joint_logdet(world.engine, pairs, AT_ONCE);
        double greedy = unaware_logdet(world.engine, 1, 20000, 0);
        double alone = unaware_logdet(world.engine, AT_ONCE, 20000, 0);
        double sampled = unaware_logdet(world.engine, AT_ONCE, 64, 1);
        double batches = unaware_logdet(world.engine, 4, 20000, 0);
        print_message(
            "log det %.3f; after 32 at once with %u ready of %u candidates %.3f, one greedy batch %.3f; "
            "unaware: the best 32 times %.3f, the best of 64 drawn each %.3f, four times "
            "the best 8 %.3f\n",
            before, rounds[round].ready, rounds[round].candidates, aware, greedy, alone, sampled,
            batches);
        /* Each gain counts the pairs assigned before it as known. Where not enough lie ready,
         * nobody waits: a quick choice takes the best of a small sample. */
        if (rounds[round].ready == AT_ONCE) {
            assert_true(promised <= (aware - before) * (1 + 1e-4));
            assert_true(fabs(aware - greedy) <= 0.01 * fmin(fabs(greedy), greedy - before));
        }
        assert_true(aware > alone && aware > batches && aware > sampled);
        assert_true(aware - before >= 0.9 * (greedy - before));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_annotators_lose_nothing_and_do_nothing_twice),
        cmocka_unit_test(annotators_who_ask_at_once_get_the_pairs_of_one_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
