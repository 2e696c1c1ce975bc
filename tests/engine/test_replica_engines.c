/* Several engines on one store, as replicas have them on one database. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "fixture.h"
#include "lease_list.h"
#include "prior_scores.h"
#include "project.h"
#include "rng.h"
#include "shared_memory.h"
#include "thread.h"
#include "trainer.h"
#include "writer.h"

enum { ENGINES = 3 };
static const double lease_seconds = 600, patience_seconds = 120;

static shared_memory *shared;
static fd_store *stores[ENGINES];
static fd_engine *engines[ENGINES];

/* ---- engines ---- */

static void open_engines(const fd_engine_options *options) {
    shared = shared_memory_new();
    for (size_t i = 0; i < ENGINES; i++) {
        stores[i] = shared_memory_open(shared);
        engines[i] = fixture_open(options, stores[i]);
    }
}

static fd_engine_options shared_options(void) {
    fd_engine_options options = fixture_options();
    options.lease_seconds = lease_seconds;
    options.control_fraction = 0;
    return options;
}

static void begin(size_t prompts, size_t responses) {
    fd_engine_options options = shared_options();
    open_engines(&options);
    fixture_add_items(engines[0], prompts, responses);
}

static void finish(void) {
    for (size_t i = 0; i < ENGINES; i++)
        fd_engine_close(engines[i]);
    shared_memory_free(shared);
}

static void wait_a_moment(double start) {
    assert_true(fixture_seconds() < start + patience_seconds);
    (void)usleep(1000);
}

#define WAIT_UNTIL(condition)                                                                      \
    for (double start_ = fixture_seconds(); !(condition);)                                         \
    wait_a_moment(start_)

static void wait_for_labels(uint64_t n) {
    for (size_t i = 0; i < ENGINES; i++)
        WAIT_UNTIL(fixture_model(engines[i]).labels == n);
}

static void check_log_dets(void) {
    fd_model_info first = fixture_model(engines[0]);
    for (size_t i = 1; i < ENGINES; i++) {
        fd_model_info info = fixture_model(engines[i]);
        if (!(fabs(info.logdet - first.logdet) <= fabs(first.logdet) * 1e-9))
            fail_msg("%.12g at one, %.12g at another; versions %llu and %llu, %llu and %llu labels",
                     first.logdet, info.logdet, (unsigned long long)first.version,
                     (unsigned long long)info.version, (unsigned long long)first.labels,
                     (unsigned long long)info.labels);
    }
}

static int count_lease(void *context, const fd_lease_view *lease) {
    (void)lease;
    (*(size_t *)context)++;
    return 0;
}

static size_t count_leases(fd_engine *engine, const char *annotator) {
    size_t n = 0;
    assert_int_equal(fd_engine_leases_read(engine, annotator, 0, 1000, count_lease, &n), 0);
    return n;
}

/* ---- rows of others ---- */

static void what_one_stores_the_others_have(void **state) {
    (void)state;
    begin(2, 4);
    const fd_item_score score = {.name = "judge", .value = 2.5};
    const fd_scores_of_item scores = {fixture_item_id(1, 3), &score, 1};
    fd_scores_set set;
    fd_fault fault = {0};
    assert_int_equal(fd_engine_scores_set(engines[1], &scores, 1, &set, &fault), 0);
    fd_project_state project;
    fd_engine_project(engines[2], &project);
    fd_project_settings settings = project.settings;
    settings.better_length = FD_LENGTH_LONGER;
    assert_int_equal(fd_engine_project_change(engines[2], 0, &settings, "me", &project), 0);
    fixture_given given = fixture_assign_one(engines[0], "anna");
    assert_int_equal(fixture_answer(engines[1], 1, "anna", &given, FD_PREFER_A), 0);
    assert_int_equal(fixture_revise(engines[2], 1, FD_PREFER_B), 0);
    assert_int_equal(
        fixture_label(engines[2], 2, fixture_item_id(0, 0), fixture_item_id(0, 1), FD_PREFER_TIE),
        0);
    wait_for_labels(2);
    for (size_t i = 0; i < ENGINES; i++) {
        fd_item_score read[FD_SCORE_NAMES_MAX];
        WAIT_UNTIL(fd_engine_item_scores(engines[i], 7, read) == 1);
        assert_string_equal(read[0].name, "judge");
        fd_engine_project(engines[i], &project);
        assert_int_equal(project.version, 1);
        assert_int_equal(project.settings.better_length, FD_LENGTH_LONGER);
        fd_stats stats = fixture_stats(engines[i]);
        assert_int_equal(stats.all.by_preference[FD_PREFER_A], 0);
        assert_int_equal(stats.all.by_preference[FD_PREFER_B], 1);
        fd_stats_clear(&stats);
        assert_int_equal(count_leases(engines[i], NULL), 0);
    }
    finish();
}

static size_t learner_of(void) {
    for (double start = fixture_seconds();; wait_a_moment(start))
        for (size_t i = 0; i < ENGINES; i++)
            if (fd_engine_trains(engines[i]))
                return i;
}

static void wait_for_version(uint64_t version) {
    for (size_t i = 0; i < ENGINES; i++)
        WAIT_UNTIL(fixture_model(engines[i]).version == version);
}

/* Any of them may be asked. */
static void ask_for_training(size_t engine) {
    fd_fault fault = {0};
    assert_int_equal(fd_engine_train(engines[engine], FD_RETRAIN_CONFIGURED, &fault), 0);
}

static void add_many_labels(size_t first, size_t n) {
    for (size_t k = first; k < first + n; k++)
        assert_int_equal(fixture_label(engines[k % ENGINES], k, fixture_item_id(k % 3, k % 5),
                                       fixture_item_id(k % 3, (k + 1 + k / 15) % 5),
                                       k % 2 ? FD_PREFER_A : FD_PREFER_B),
                         0);
}

static void all_serve_the_model_that_one_trained_and_compute_the_same(void **state) {
    (void)state;
    begin(3, 5);
    add_many_labels(0, 30);
    wait_for_labels(30);
    ask_for_training((learner_of() + 1) % ENGINES);
    wait_for_version(1);
    add_many_labels(30, 6);
    wait_for_labels(36);
    check_log_dets();
    finish();
}

/* ---- leases ---- */

static void a_lease_is_known_renewed_and_returned_where_it_was_not_given(void **state) {
    (void)state;
    begin(1, 2);
    fixture_hand hand;
    fixture_given given = fixture_assign_one(engines[0], "anna"), renewed;
    for (size_t i = 0; i < ENGINES; i++) {
        assert_string_equal(fixture_assign_one(engines[i], "anna").id, given.id);
        assert_int_equal(fixture_assign(engines[i], "bert", 1, 0, &hand), 0);
    }
    shared_memory_pass(shared, lease_seconds - 1);
    assert_int_equal(
        fd_engine_assignment_renew(engines[1], given.id, "anna", 0, fixture_keep_lease, &renewed),
        0);
    assert_int_equal(renewed.expires_ms, given.expires_ms + (int64_t)(lease_seconds - 1) * 1000);
    shared_memory_pass(shared, lease_seconds - 1);
    assert_int_equal(fixture_assign(engines[2], "bert", 1, 0, &hand), 0);
    assert_int_equal(fd_engine_assignment_return(engines[2], given.id, "bert"), -ENOENT);
    assert_int_equal(fd_engine_assignment_return(engines[2], given.id, "anna"), 0);
    for (size_t i = 0; i < ENGINES; i++)
        assert_int_equal(fd_engine_assignment_return(engines[i], given.id, "anna"), -ENOENT);
    fixture_given next = fixture_assign_one(engines[1], "bert");
    assert_true(fixture_same_pair(&next, &given));
    finish();
}

static void a_lease_expires_by_the_clock_that_all_share(void **state) {
    (void)state;
    begin(1, 2);
    fixture_hand hand;
    fixture_given given = fixture_assign_one(engines[0], "anna");
    shared_memory_pass(shared, lease_seconds - 0.01);
    for (size_t i = 0; i < ENGINES; i++)
        assert_int_equal(fixture_assign(engines[i], "bert", 1, 0, &hand), 0);
    shared_memory_pass(shared, 0.01);
    fixture_given next = fixture_assign_one(engines[1], "bert");
    assert_true(fixture_same_pair(&next, &given));
    for (size_t i = 0; i < ENGINES; i++) {
        assert_string_equal(fixture_assign_one(engines[i], "bert").id, next.id);
        assert_int_equal(fixture_assign(engines[i], "anna", 1, 0, &hand), 0);
    }
    /* The late answer is taken; it is the one that the pair gets. */
    assert_int_equal(fixture_answer(engines[2], 1, "anna", &given, FD_PREFER_A), 0);
    assert_int_equal(fd_engine_assignment_return(engines[0], next.id, "bert"), 0);
    for (size_t i = 0; i < ENGINES; i++)
        assert_int_equal(fixture_assign(engines[i], "carl", 1, 0, &hand), 0);
    finish();
}

static void the_leases_of_a_person_are_ended_everywhere(void **state) {
    (void)state;
    begin(2, 4);
    fixture_hand hand;
    size_t n;
    for (size_t i = 0; i < ENGINES; i++) {
        fixture_wait_ready(engines[i], 4, 0);
        assert_int_equal(fixture_assign(engines[i], "anna", i + 2, 0, &hand), i + 2);
    }
    fixture_given other = fixture_assign_one(engines[0], "bert");
    shared_memory_set_apart(stores[1], true);
    assert_true(fd_engine_leases_end(engines[1], "anna", &n) < 0);
    assert_int_equal(n, 0);
    shared_memory_set_apart(stores[1], false);
    assert_int_equal(fd_engine_leases_end(engines[2], "anna", &n), 0);
    assert_int_equal(n, ENGINES + 1);
    for (size_t i = 0; i < ENGINES; i++) {
        WAIT_UNTIL(count_leases(engines[i], NULL) == 1);
        assert_int_equal(count_leases(engines[i], "bert"), 1);
        assert_int_equal(fd_engine_leases_end(engines[i], "anna", &n), 0);
        assert_int_equal(n, 0);
    }
    assert_int_equal(fixture_answer(engines[1], 1, "bert", &other, FD_PREFER_A), 0);
    finish();
}

/* The second engine hears of the items when the pair is out already, the third one later. */
static void a_pair_that_is_out_goes_to_as_many_as_shall_have_it_at_any_engine(void **state) {
    (void)state;
    fd_engine_options options = shared_options();
    options.redundancy = 3;
    open_engines(&options);
    fd_engine_close(engines[2]);
    shared_memory_set_apart(stores[1], true);
    fixture_add_items(engines[0], 1, 2);
    fixture_given given = fixture_assign_one(engines[0], "anna");
    shared_memory_set_apart(stores[1], false);
    fixture_given second = fixture_assign_one(engines[1], "bert");
    assert_true(fixture_same_pair(&second, &given));
    stores[2] = shared_memory_open(shared);
    engines[2] = fixture_open(&options, stores[2]);
    fixture_given third = fixture_assign_one(engines[2], "carl");
    assert_true(fixture_same_pair(&third, &given));
    fixture_hand hand;
    for (size_t i = 0; i < ENGINES; i++)
        assert_int_equal(fixture_assign(engines[i], "dora", 1, 0, &hand), 0);
    finish();
}

/* ---- the same transaction ---- */

struct call {
    pthread_t thread;
    const char *annotator;
    const fixture_given *given; /* to answer; NULL: to take one */
    fixture_hand hand;
};

static void *run_call(void *context) {
    struct call *call = context;
    if (call->given)
        assert_int_equal(fixture_answer(engines[0], 1, call->annotator, call->given, FD_PREFER_A),
                         0);
    else
        (void)fixture_assign(engines[0], call->annotator, 1, 0, &call->hand);
    return NULL;
}

/* The writer waits for the store with another job, while these come in this order. */
static void run_in_one_transaction(struct call *calls, size_t n) {
    struct call first = {.annotator = "nobody"};
    shared_memory_hold(shared, true);
    assert_int_equal(pthread_create(&first.thread, NULL, run_call, &first), 0);
    WAIT_UNTIL(shared_memory_waits(stores[0]));
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pthread_create(&calls[i].thread, NULL, run_call, &calls[i]), 0);
        WAIT_UNTIL(fd_writer_queue_length(engines[0]) == i + 1);
    }
    shared_memory_hold(shared, false);
    (void)pthread_join(first.thread, NULL);
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(calls[i].thread, NULL);
}

/* The time of the lease is over in the middle of the transaction that has its answer. */
static void a_pair_whose_answer_is_being_stored_goes_to_nobody_else(void **state) {
    (void)state;
    begin(1, 2);
    fixture_given given = fixture_assign_one(engines[0], "anna");
    shared_memory_pass_at_labels(shared, lease_seconds + 1);
    struct call calls[] = {
        {.annotator = "anna", .given = &given}, {.annotator = "bert"}, {.annotator = "anna"}};
    run_in_one_transaction(calls, FD_LENGTH(calls));
    assert_int_equal(calls[1].hand.count, 0);
    assert_int_equal(calls[2].hand.count, 0);
    for (size_t i = 0; i < ENGINES; i++)
        WAIT_UNTIL(count_leases(engines[i], NULL) == 0);
    finish();
}

/* ---- a rush ---- */

enum { PEOPLE = 8, TURNS = 25 };

struct person {
    pthread_t thread;
    size_t number;
    fd_rng rng;
    bool fails; /* the store does, at times */
    size_t answers;
};

static void do_something(struct person *person, fd_engine *engine, const char *name,
                         const fixture_given *given) {
    fixture_given renewed;
    double what = fd_rng_uniform(&person->rng);
    int r = 0;
    if (what < 0.1)
        r = fd_engine_assignment_return(engine, given->id, name);
    else if (what < 0.2)
        r = fd_engine_assignment_renew(engine, given->id, name, 0, fixture_keep_lease, &renewed);
    else if (what < 0.3)
        shared_memory_pass(shared, lease_seconds / 3);
    else {
        fd_preference preference = what < 0.4 ? FD_PREFER_SKIP : FD_PREFER_A;
        size_t number = person->number * 1000 + person->answers++;
        for (int i = 0; i < 2; i++) /* again, perhaps elsewhere */
            assert_int_equal(fixture_answer(engines[fd_rng_below(&person->rng, ENGINES)], number,
                                            name, given, preference),
                             0);
    }
    assert_true(r == 0 || r == -ENOENT);
}

static void *work(void *context) {
    struct person *person = context;
    char name[24];
    (void)snprintf(name, sizeof(name), "person-%zu", person->number);
    for (size_t k = 0; k < TURNS; k++) {
        fixture_hand hand;
        size_t at = fd_rng_below(&person->rng, ENGINES);
        if (person->fails && fd_rng_below(&person->rng, 3) == 0)
            shared_memory_lose_answer(stores[at], fd_rng_below(&person->rng, 2) == 0,
                                      (int)fd_rng_below(&person->rng, 3));
        size_t n = fixture_assign(engines[at], name, 1 + fd_rng_below(&person->rng, 2), 0, &hand);
        for (size_t i = 0; i < n; i++)
            do_something(person, engines[fd_rng_below(&person->rng, ENGINES)], name,
                         &hand.given[i]);
    }
    return NULL;
}

/* ---- what the store has seen of it ---- */

struct holder {
    uint64_t pair;
    char annotator[32];
    bool is_open, is_late;
    bool has_answered, has_counted; /* not skipped */
};

struct history {
    size_t n, capacity;
    struct holder *holders;
    size_t labels;
};

static struct holder *holder_of(struct history *history, const shared_change *change) {
    for (size_t i = 0; i < history->n; i++)
        if (history->holders[i].pair == change->pair &&
            strcmp(history->holders[i].annotator, change->annotator) == 0)
            return &history->holders[i];
    assert_int_equal(fd_array_reserve(&history->holders, &history->capacity, history->n + 1,
                                      sizeof(*history->holders)),
                     0);
    struct holder *holder = &history->holders[history->n++];
    *holder = (struct holder){.pair = change->pair};
    memcpy(holder->annotator, change->annotator, sizeof(holder->annotator));
    return holder;
}

/* Whether its time was over when the transaction ended the lease. */
static bool is_over(const shared_change *label, const shared_change *changes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (changes[i].is_over && changes[i].pair == label->pair &&
            strcmp(changes[i].annotator, label->annotator) == 0)
            return true;
    return false;
}

static void follow_label(struct history *history, const shared_change *change,
                         const shared_change *changes, size_t n) {
    struct holder *holder = holder_of(history, change);
    assert_false(holder->has_answered && !holder->is_late); /* else it was given twice */
    holder->is_late |= !holder->is_open || is_over(change, changes, n);
    holder->has_answered = true;
    holder->has_counted |= change->preference != FD_PREFER_SKIP;
    history->labels++;
}

/* Labels of a transaction come before what it did to leases. */
static void follow(struct history *history, const shared_change *changes, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (changes[i].is_label)
            follow_label(history, &changes[i], changes, n);
    for (size_t i = 0; i < n; i++)
        if (!changes[i].is_label)
            holder_of(history, &changes[i])->is_open = changes[i].is_open;
}

static void check_pair(const struct history *history, uint64_t pair, uint32_t redundancy) {
    size_t taken = 0;
    for (size_t i = 0; i < history->n; i++) {
        const struct holder *holder = &history->holders[i];
        taken +=
            holder->pair == pair && (holder->is_open || (holder->has_counted && !holder->is_late));
    }
    assert_true(taken <= redundancy);
}

static void check_history(uint32_t redundancy, size_t labels) {
    struct history history = {0};
    const shared_change *changes;
    size_t n = shared_memory_changes(shared, &changes), end;
    for (size_t i = 0; i < n; i = end) {
        for (end = i; end < n && changes[end].tick == changes[i].tick; end++)
            continue;
        follow(&history, changes + i, end - i);
        for (size_t k = i; k < end; k++)
            check_pair(&history, changes[k].pair, redundancy);
    }
    assert_int_equal(history.labels, labels);
    free(history.holders);
}

static void rush(uint32_t redundancy, bool fails) {
    fd_engine_options options = shared_options();
    options.redundancy = redundancy;
    open_engines(&options);
    fixture_add_items(engines[0], 3, 5);
    struct person people[PEOPLE];
    size_t answers = 0;
    for (size_t i = 0; i < PEOPLE; i++) {
        people[i] = (struct person){.number = i, .rng = fd_rng_seeded(i), .fails = fails};
        assert_int_equal(pthread_create(&people[i].thread, NULL, work, &people[i]), 0);
    }
    for (size_t i = 0; i < PEOPLE; i++) {
        (void)pthread_join(people[i].thread, NULL);
        answers += people[i].answers;
    }
    check_history(redundancy, answers);
    uint64_t labels = fixture_model(engines[0]).labels;
    wait_for_labels(labels);
    check_log_dets();
    for (size_t i = 1; i < ENGINES; i++)
        WAIT_UNTIL(count_leases(engines[i], NULL) == count_leases(engines[0], NULL));
    finish();
}

static void no_pair_is_out_to_more_people_than_redundancy(void **state) {
    (void)state;
    for (uint32_t redundancy = 1; redundancy <= 3; redundancy++)
        rush(redundancy, false);
}

static void not_even_where_nobody_knows_what_was_committed(void **state) {
    (void)state;
    for (uint32_t redundancy = 1; redundancy <= 3; redundancy++)
        rush(redundancy, true);
}

/* ---- corrections elsewhere ---- */

static void a_pair_whose_answer_was_retracted_elsewhere_is_open_again(void **state) {
    (void)state;
    begin(1, 2);
    fixture_hand hand;
    fixture_given given = fixture_assign_one(engines[0], "anna");
    assert_int_equal(fixture_answer(engines[0], 1, "anna", &given, FD_PREFER_A), 0);
    for (size_t i = 0; i < ENGINES; i++)
        assert_int_equal(fixture_assign(engines[i], "bert", 1, 0, &hand), 0);
    assert_int_equal(fixture_revise(engines[1], 1, FD_PREFER_RETRACTED), 0);
    wait_for_labels(0);
    fixture_given next = fixture_assign_one(engines[2], "bert");
    assert_true(fixture_same_pair(&next, &given));
    assert_int_equal(fixture_revise(engines[0], 1, FD_PREFER_B), 0); /* a correction restores it */
    assert_int_equal(fd_engine_assignment_return(engines[1], next.id, "bert"), 0);
    for (size_t i = 0; i < ENGINES; i++)
        assert_int_equal(fixture_assign(engines[i], "bert", 1, 0, &hand), 0);
    finish();
}

/* ---- the right to train ---- */

static void another_one_trains_once_the_learner_is_out_of_reach(void **state) {
    (void)state;
    begin(3, 5);
    add_many_labels(0, 30);
    wait_for_labels(30);
    size_t learner = learner_of();
    shared_memory_set_apart(stores[learner], true);
    shared_memory_pass(shared, 4);
    WAIT_UNTIL(!fd_engine_trains(engines[learner]));
    size_t next = learner_of();
    assert_int_not_equal(next, learner);
    ask_for_training(next);
    WAIT_UNTIL(fixture_model(engines[next]).version == 1);
    shared_memory_set_apart(stores[learner], false);
    wait_for_version(1);
    finish();
}

/* ---- another history ---- */

static void lose_history_and_go_on(void) {
    begin(2, 3);
    shared_memory_lose_history(shared);
    (void)fixture_label(engines[0], 1, fixture_item_id(0, 0), fixture_item_id(0, 1), FD_PREFER_A);
    (void)pause(); /* the others notice by themselves */
}

static void the_process_ends_when_the_history_is_another_one(void **state) {
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        lose_history_and_go_on();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_ends_when_the_history_is_another_one),
        cmocka_unit_test(what_one_stores_the_others_have),
        cmocka_unit_test(all_serve_the_model_that_one_trained_and_compute_the_same),
        cmocka_unit_test(a_lease_is_known_renewed_and_returned_where_it_was_not_given),
        cmocka_unit_test(a_lease_expires_by_the_clock_that_all_share),
        cmocka_unit_test(the_leases_of_a_person_are_ended_everywhere),
        cmocka_unit_test(a_pair_that_is_out_goes_to_as_many_as_shall_have_it_at_any_engine),
        cmocka_unit_test(a_pair_whose_answer_is_being_stored_goes_to_nobody_else),
        cmocka_unit_test(no_pair_is_out_to_more_people_than_redundancy),
        cmocka_unit_test(not_even_where_nobody_knows_what_was_committed),
        cmocka_unit_test(a_pair_whose_answer_was_retracted_elsewhere_is_open_again),
        cmocka_unit_test(another_one_trains_once_the_learner_is_out_of_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
