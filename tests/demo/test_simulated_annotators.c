/* The simulated annotators of the demo, with a daemon that is played and no time that passes. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "examples.h"
#include "http_client.h"

enum { ANSWERS = 2000 };

/* ---- calls that fail, and thoughts that take no time ---- */

static const char *failing = "none";

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*routine)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*routine)(void *), void *context);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until);

void *__wrap_calloc(size_t n, size_t size) {
    return strcmp(failing, "calloc") == 0 ? NULL : __real_calloc(n, size);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*routine)(void *), void *context) {
    return strcmp(failing, "pthread_create") == 0
               ? EAGAIN
               : __real_pthread_create(thread, attributes, routine, context);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until) {
    (void)condition;
    (void)mutex;
    (void)until;
    return ETIMEDOUT;
}

/* ---- the daemon that is played, in the annotators' threads, where cmocka cannot fail ---- */

/* Of one prompt of the corpus, of quality 5 and 0. */
static const char *const best = "p01-r4", *const worst = "p01-r3";

static struct {
    pthread_mutex_t lock;
    int refused, empty; /* questions for a pair that are still to be answered so */
    int failed;         /* answers that are still to be refused */
    size_t questions, answers, better, worse, ties;
} daemon_played = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct fd_client {
    int nothing;
};

int fd_client_new(const char *url, fd_client **ret) {
    assert(strcmp(url, "http://daemon") == 0);
    *ret = strcmp(failing, "client") == 0 ? NULL : __real_calloc(1, sizeof(**ret));
    return *ret ? 0 : -ENOMEM;
}

void fd_client_free(fd_client *client) {
    free(client);
}

static json_t *give_pair(const json_t *body) {
    const char *name = json_string_value(json_object_get(body, "annotator"));
    assert(name && strncmp(name, "simulated ", strlen("simulated ")) == 0);
    if (daemon_played.empty > 0) {
        daemon_played.empty--;
        return json_pack("{s:[]}", "assignments");
    }
    bool swapped = daemon_played.questions % 2;
    return json_pack("{s:[{s:s, s:{s:s}, s:{s:s}}]}", "assignments", "id", "lease", "a", "id",
                     swapped ? worst : best, "b", "id", swapped ? best : worst);
}

static void take_answer(const json_t *body) {
    const json_t *label = json_array_get(json_object_get(body, "labels"), 0);
    const char *preference = json_string_value(json_object_get(label, "preference"));
    const char *a = json_string_value(json_object_get(label, "a"));
    json_int_t duration = json_integer_value(json_object_get(label, "duration_ms"));
    const char *lease = json_string_value(json_object_get(label, "assignment"));
    assert(lease && strcmp(lease, "lease") == 0 && duration >= 500 && duration <= 3500);
    daemon_played.answers++;
    if (strcmp(preference, "tie") == 0)
        daemon_played.ties++;
    else if ((strcmp(preference, "a") == 0) == (strcmp(a, best) == 0))
        daemon_played.better++;
    else
        daemon_played.worse++;
}

int fd_client_call(fd_client *client, const char *method, const char *path, json_t *body,
                   json_t **ret, fd_fault *fault) {
    FD_JSON json_t *given = body;
    (void)client;
    assert(given && strcmp(method, "POST") == 0);
    (void)pthread_mutex_lock(&daemon_played.lock);
    int *refused = &daemon_played.failed;
    if (strcmp(path, "/v1/assignments") == 0) {
        daemon_played.questions++;
        refused = &daemon_played.refused;
    }
    int r = *refused > 0 ? -EPROTO : 0;
    *refused -= r < 0;
    if (r == 0 && refused == &daemon_played.refused)
        *ret = give_pair(given);
    else if (r == 0)
        take_answer(given);
    (void)pthread_mutex_unlock(&daemon_played.lock);
    return r < 0 ? fd_fault_set(fault, r, "", "refused") : 0;
}

static void play(int refused, int empty, int failed) {
    daemon_played.questions = daemon_played.answers = 0;
    daemon_played.better = daemon_played.worse = daemon_played.ties = 0;
    daemon_played.refused = refused;
    daemon_played.empty = empty;
    daemon_played.failed = failed;
}

static void label_until(size_t answers) {
    fd_simulated_annotators *crowd = NULL;
    assert_int_equal(fd_simulated_annotators_start("http://daemon", 2, &crowd), 0);
    for (size_t seen = 0; seen < answers; (void)sched_yield()) {
        (void)pthread_mutex_lock(&daemon_played.lock);
        seen = daemon_played.answers;
        (void)pthread_mutex_unlock(&daemon_played.lock);
    }
    fd_simulated_annotators_stop(crowd);
}

/* ---- what they do ---- */

static void they_prefer_the_better_response_and_call_some_a_tie(void **state) {
    (void)state;
    play(0, 0, 0);
    label_until(ANSWERS);
    /* 3 in 100 are ties; of the others one in 400 is wrong, where the qualities are 5 apart. */
    size_t answers = daemon_played.answers;
    assert_in_range(daemon_played.ties, answers * 1 / 100, answers * 6 / 100);
    assert_true(daemon_played.worse < answers / 50);
    assert_int_equal(daemon_played.better + daemon_played.worse + daemon_played.ties, answers);
}

static void who_gets_no_pair_or_is_refused_asks_again(void **state) {
    (void)state;
    play(3, 3, 3);
    label_until(10);
    assert_true(daemon_played.questions >= 3 + 3 + 3 + 10);
}

static void without_a_client_nobody_asks(void **state) {
    (void)state;
    fd_simulated_annotators *crowd = NULL;
    play(0, 0, 0);
    failing = "client";
    int r = fd_simulated_annotators_start("http://daemon", 2, &crowd);
    assert_int_equal(r, 0);
    fd_simulated_annotators_stop(crowd);
    failing = "none";
    assert_int_equal(daemon_played.questions, 0);
}

static void a_crowd_that_cannot_begin_says_so(void **state) {
    (void)state;
    fd_simulated_annotators *crowd = NULL;
    failing = "calloc";
    int without_memory = fd_simulated_annotators_start("http://daemon", 2, &crowd);
    failing = "pthread_create";
    int without_threads = fd_simulated_annotators_start("http://daemon", 2, &crowd);
    failing = "none";
    assert_int_equal(without_memory, -ENOMEM);
    assert_int_equal(without_threads, -EAGAIN);
    assert_null(crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_prefer_the_better_response_and_call_some_a_tie),
        cmocka_unit_test(who_gets_no_pair_or_is_refused_asks_again),
        cmocka_unit_test(without_a_client_nobody_asks),
        cmocka_unit_test(a_crowd_that_cannot_begin_says_so),
    };
    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
