/* Refills: when pairs that lie ready are chosen again. */
#include <math.h>
#include <unistd.h>

#include "assignments.h"
#include "assignments_state.h"
#include "engine_state.h"
#include "fixture.h"
#include "macros.h"
#include "refill_thread.h"
#include "refitter.h"
#include "score.h"
#include "thread.h"

enum { READY_PAIRS = 16, MOST = 64 };

/* Copies the pairs that lie ready in the active arm, and the probabilities they were chosen with.
 */
static size_t list_ready(fd_engine *engine, fi_pair pairs[MOST], double p[MOST]) {
    FD_LOCKED(&engine->assignments->lock);
    const fd_ready_queue *queue = &engine->assignments->ready.arms[FD_ARM_ACTIVE];
    assert_true(queue->count <= MOST);
    for (size_t i = 0; i < queue->count; i++) {
        pairs[i] = queue->pairs[i]->pair;
        p[i] = queue->pairs[i]->p;
    }
    return queue->count;
}

/* Whether all pairs that lie ready were chosen by the model as it is now. */
static bool are_new(fd_engine *engine) {
    fi_pair pairs[MOST];
    double p[MOST];
    uint64_t version;
    size_t n = list_ready(engine, pairs, p);
    for (size_t i = 0; i < n; i++)
        if (fabs(p[i] - fd_engine_probability(engine, pairs[i], &version)) > 1e-9)
            return false;
    return n >= READY_PAIRS;
}

static bool become_new(fd_engine *engine) {
    for (int i = 0; i < 1000 && !are_new(engine); i++)
        (void)usleep(1000);
    return are_new(engine);
}

static fd_engine *make_engine(void) {
    fd_engine_options options = fixture_options();
    options.refit = true;
    options.kind = FI_KIND_LINEAR;
    options.ready = READY_PAIRS;
    options.control_fraction = 0;
    fd_engine *engine = fixture_memory(&options);
    fixture_add_items(engine, 40, 6);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(fixture_label(engine, i, fixture_item_id(i, 0), fixture_item_id(i, 1),
                                       i % 3 ? FD_PREFER_A : FD_PREFER_B),
                         0);
    (void)fixture_train(engine);
    return engine;
}

static void a_refit_chooses_the_ready_pairs_again(void **state) {
    (void)state;
    fd_engine *engine = make_engine();
    assert_true(become_new(engine));
    size_t labels = 0, chosen = 0;
    while (chosen < 5 && labels < 30) { /* on a busy machine a rebuild may count as dear at times */
        assert_int_equal(fixture_label(engine, 100 + labels, fixture_item_id(labels, 2),
                                       fixture_item_id(labels, 3), FD_PREFER_B),
                         0);
        labels++;
        fd_engine_wait_refitted(engine);
        chosen += become_new(engine);
    }
    assert_int_equal(chosen, 5);
    fd_engine_close(engine);
}

/* Each annotator at work, and as many as the option says. */
static void one_pair_lies_ready_for_each_that_is_out_and_some_more(void **state) {
    (void)state;
    fd_engine *engine = make_engine();
    fixture_hand hand;
    assert_true(become_new(engine));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fixture_assign(engine,
                                        i == 0   ? "ann"
                                        : i == 1 ? "bob"
                                                 : "carl",
                                        8, 0, &hand),
                         8);
        for (int k = 0; k < 5000; k++) {
            {
                FD_LOCKED(&engine->assignments->lock);
                size_t ready = engine->assignments->ready.arms[FD_ARM_ACTIVE].count;
                assert_true(ready <= READY_PAIRS + 8 * (i + 1));
                if (2 * ready >= READY_PAIRS + 8 * (i + 1))
                    k = 5000;
            }
            (void)usleep(1000);
        }
    }
    {
        FD_LOCKED(&engine->assignments->lock);
        assert_int_equal(fd_ready_demand_wanted(engine, FD_ARM_ACTIVE), READY_PAIRS + 24);
    }
    fd_engine_close(engine);
}

static size_t count_wanted(fd_engine *engine) {
    FD_LOCKED(&engine->assignments->lock);
    return fd_ready_demand_wanted(engine, FD_ARM_ACTIVE);
}

static void in_a_rush_as_many_lie_ready_as_were_taken_between_two_refills(void **state) {
    (void)state;
    enum { TAKEN = 40 };
    fd_engine *engine = make_engine();
    fixture_hand hand;
    assert_true(become_new(engine));
    fd_engine_interrupt(engine);
    fd_refill_stop(engine); /* nobody else counts */
    fd_ready_demand_update(engine);
    for (size_t i = 0; i < TAKEN; i++) {
        assert_int_equal(fixture_assign(engine, "ann", 1, 0, &hand), 1);
        assert_int_equal(fd_engine_assignment_return(engine, hand.given[0].id, "ann"), 0);
    }
    assert_int_equal(count_wanted(engine), READY_PAIRS);
    fd_ready_demand_update(engine);
    assert_int_equal(count_wanted(engine), READY_PAIRS + TAKEN);
    fd_ready_demand_update(engine);
    assert_int_equal(count_wanted(engine), READY_PAIRS);
    assert_int_equal(fd_refill_start(engine), 0); /* ends at once; closing waits for it */
    fd_engine_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refit_chooses_the_ready_pairs_again),
        cmocka_unit_test(one_pair_lies_ready_for_each_that_is_out_and_some_more),
        cmocka_unit_test(in_a_rush_as_many_lie_ready_as_were_taken_between_two_refills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
