/* The simulated annotators of the demo, against a fake daemon, without waiting. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_client.h"
#include "simulated_annotators.h"

enum { ANSWERS = 2000 };

/* ---- library calls that fail on request, and waits that end at once ---- */

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

/* ---- a fake daemon; it runs in the annotators' threads, so it asserts without cmocka ---- */

/* Two responses to one prompt of the corpus, of quality 5 and 0. */
static const char *const best = "p01-r4", *const worst = "p01-r3";

static struct {
    pthread_mutex_t lock;
    int refusals;       /* requests for a pair that it will still refuse */
    int empty;          /* requests for a pair that it will still give none */
    int label_refusals; /* labels that it will still refuse */
    size_t requests, answers, better, worse, ties;
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER};

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
    if (fake.empty > 0) {
        fake.empty--;
        return json_pack("{s:[]}", "assignments");
    }
    bool swapped = fake.requests % 2;
    return json_pack("{s:[{s:s, s:{s:s}, s:{s:s}}]}", "assignments", "id", "lease", "a", "id",
                     swapped ? worst : best, "b", "id", swapped ? best : worst);
}

static void take_label(const json_t *body) {
    const json_t *label = json_array_get(json_object_get(body, "labels"), 0);
    const char *preference = json_string_value(json_object_get(label, "preference"));
    const char *a = json_string_value(json_object_get(label, "a"));
    json_int_t duration = json_integer_value(json_object_get(label, "duration_ms"));
    const char *lease = json_string_value(json_object_get(label, "assignment"));
    assert(lease && strcmp(lease, "lease") == 0 && duration >= 500 && duration <= 3500);
    fake.answers++;
    if (strcmp(preference, "tie") == 0)
        fake.ties++;
    else if ((strcmp(preference, "a") == 0) == (strcmp(a, best) == 0))
        fake.better++;
    else
        fake.worse++;
}

int fd_client_call(fd_client *client, const char *method, const char *path, json_t *body,
                   json_t **ret, fd_fault *fault) {
    FD_JSON json_t *given = body;
    (void)client;
    assert(given && strcmp(method, "POST") == 0);
    (void)pthread_mutex_lock(&fake.lock);
    int *refusals = &fake.label_refusals;
    if (strcmp(path, "/v1/assignments") == 0) {
        fake.requests++;
        refusals = &fake.refusals;
    }
    int r = *refusals > 0 ? -EPROTO : 0;
    *refusals -= r < 0;
    if (r == 0 && refusals == &fake.refusals)
        *ret = give_pair(given);
    else if (r == 0)
        take_label(given);
    (void)pthread_mutex_unlock(&fake.lock);
    return r < 0 ? fd_fault_set(fault, r, "", "refused") : 0;
}

static void reset_daemon(int refusals, int empty, int label_refusals) {
    fake.requests = fake.answers = 0;
    fake.better = fake.worse = fake.ties = 0;
    fake.refusals = refusals;
    fake.empty = empty;
    fake.label_refusals = label_refusals;
}

static void label_until(size_t answers) {
    fd_simulated_annotators *annotators = NULL;
    assert_int_equal(fd_simulated_annotators_start("http://daemon", 2, &annotators), 0);
    for (size_t seen = 0; seen < answers; (void)sched_yield()) {
        (void)pthread_mutex_lock(&fake.lock);
        seen = fake.answers;
        (void)pthread_mutex_unlock(&fake.lock);
    }
    fd_simulated_annotators_stop(annotators);
}

/* ---- tests ---- */

static void annotators_prefer_the_better_response_and_call_some_pairs_a_tie(void **state) {
    (void)state;
    reset_daemon(0, 0, 0);
    label_until(ANSWERS);
    /* 3 in 100 are ties. Of the others 1 in 400 is wrong, since the qualities differ by 5. */
    size_t answers = fake.answers;
    assert_in_range(fake.ties, answers * 1 / 100, answers * 6 / 100);
    assert_true(fake.worse < answers / 50);
    assert_int_equal(fake.better + fake.worse + fake.ties, answers);
}

static void an_annotator_that_gets_no_pair_or_is_refused_asks_again(void **state) {
    (void)state;
    reset_daemon(3, 3, 3);
    label_until(10);
    assert_true(fake.requests >= 3 + 3 + 3 + 10);
}

static void an_annotator_without_a_client_sends_no_request(void **state) {
    (void)state;
    fd_simulated_annotators *annotators = NULL;
    reset_daemon(0, 0, 0);
    failing = "client";
    int r = fd_simulated_annotators_start("http://daemon", 2, &annotators);
    assert_int_equal(r, 0);
    fd_simulated_annotators_stop(annotators);
    failing = "none";
    assert_int_equal(fake.requests, 0);
}

static void the_start_fails_without_memory_or_threads(void **state) {
    (void)state;
    fd_simulated_annotators *annotators = NULL;
    failing = "calloc";
    int without_memory = fd_simulated_annotators_start("http://daemon", 2, &annotators);
    failing = "pthread_create";
    int without_threads = fd_simulated_annotators_start("http://daemon", 2, &annotators);
    failing = "none";
    assert_int_equal(without_memory, -ENOMEM);
    assert_int_equal(without_threads, -EAGAIN);
    assert_null(annotators);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(annotators_prefer_the_better_response_and_call_some_pairs_a_tie),
        cmocka_unit_test(an_annotator_that_gets_no_pair_or_is_refused_asks_again),
        cmocka_unit_test(an_annotator_without_a_client_sends_no_request),
        cmocka_unit_test(the_start_fails_without_memory_or_threads),
    };
    return cmocka_run_group_tests_name("simulated annotators", tests, NULL, NULL);
}
