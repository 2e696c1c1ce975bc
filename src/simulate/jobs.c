/* Runs the runs of a plan in threads. */
#include "jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "thread.h"

struct jobs {
    const fd_plan *plan;
    const fd_experiment_sets *sets;
    FILE *out;
    size_t n_runs;
    const fd_run **runs; /* [n_runs] that are left to do */
    double start;
    bool is_terminal;
    fd_fault *fault;

    pthread_mutex_t lock;
    size_t next;     /* guarded by lock, like all members below */
    size_t finished; /* runs */
    uint64_t rounds; /* of all runs */
    int result;
};

/* ---- progress ---- */

static void format_seconds(double seconds, char *text, size_t size) {
    unsigned long whole = (unsigned long)seconds;
    if (whole < 60)
        (void)snprintf(text, size, "%lu s", whole);
    else if (whole < 3600)
        (void)snprintf(text, size, "%lu min", (whole + 30) / 60);
    else
        (void)snprintf(text, size, "%lu h %02lu min", whole / 3600, whole % 3600 / 60);
}

/* Shows each round on a terminal, and each run elsewhere. The lock is held. */
static void show_progress(const struct jobs *jobs, bool run_ended) {
    if (!run_ended && !jobs->is_terminal)
        return;
    uint64_t all = jobs->n_runs * jobs->plan->n_rounds;
    double elapsed = fd_monotonic_seconds() - jobs->start;
    double left = elapsed / (double)jobs->rounds * (double)(all - jobs->rounds);
    char text[32];
    format_seconds(left, text, sizeof(text));
    (void)fprintf(stderr, "%s%zu of %zu runs, round %" PRIu64 " of %" PRIu64 ", %s left%s",
                  jobs->is_terminal ? "\r" : "", jobs->finished, jobs->n_runs, jobs->rounds, all,
                  text, jobs->is_terminal && jobs->rounds < all ? "\033[K" : "\n");
}

/* ---- runs ---- */

struct run_output {
    struct jobs *jobs;
    char *key;
};

static int write_round(void *context, const fd_run *run, const fd_round *round) {
    struct run_output *output = context;
    struct jobs *jobs = output->jobs;
    (void)run;
    FD_LOCKED(&jobs->lock);
    fd_results_print_round(jobs->out, output->key, round);
    int r = fflush(jobs->out) == 0 ? 0 : -errno;
    jobs->rounds++;
    bool ended = round->round == jobs->plan->n_rounds;
    jobs->finished += ended;
    show_progress(jobs, ended);
    return jobs->result < 0 ? -ECANCELED : r;
}

static const fd_run *next_run(struct jobs *jobs) {
    FD_LOCKED(&jobs->lock);
    return jobs->result == 0 && jobs->next < jobs->n_runs ? jobs->runs[jobs->next++] : NULL;
}

static void note_failure(struct jobs *jobs, int result, const fd_fault *fault) {
    FD_LOCKED(&jobs->lock);
    if (jobs->result == 0) {
        jobs->result = result;
        *jobs->fault = *fault;
    }
}

static void *work(void *context) {
    struct jobs *jobs = context;
    for (const fd_run *run; (run = next_run(jobs));) {
        struct run_output output = {jobs, NULL};
        fd_run_hooks hooks = {.on_round = write_round, .context = &output};
        fd_fault fault = {0};
        int r = fd_results_key(jobs->plan, jobs->sets, run, &output.key);
        if (r == 0) {
            r = fd_run_rounds(jobs->plan, jobs->sets, run, &hooks, &fault);
            free(output.key);
        }
        if (r < 0)
            note_failure(jobs, r, &fault);
    }
    return NULL;
}

static int list_runs(struct jobs *jobs, const fd_results *done) {
    for (size_t i = 0; i < jobs->plan->n_runs; i++) {
        char *key;
        int r = fd_results_key(jobs->plan, jobs->sets, &jobs->plan->runs[i], &key);
        if (r < 0)
            return r;
        if (!fd_results_has(done, key))
            jobs->runs[jobs->n_runs++] = &jobs->plan->runs[i];
        free(key);
    }
    return 0;
}

int fd_jobs_run(const fd_plan *plan, const fd_experiment_sets *sets, const fd_results *done,
                FILE *out, fd_fault *fault) {
    FD_FREE const fd_run **runs = calloc(plan->n_runs + 1, sizeof(*runs));
    FD_FREE pthread_t *threads = calloc(plan->flags.jobs, sizeof(*threads));
    if (!runs || !threads)
        return -ENOMEM;
    struct jobs jobs = {
        .plan = plan,
        .sets = sets,
        .out = out,
        .runs = runs,
        .start = fd_monotonic_seconds(),
        .is_terminal = isatty(STDERR_FILENO) == 1,
        .fault = fault,
    };
    int r = list_runs(&jobs, done);
    if (r < 0)
        return r;
    (void)fprintf(stderr, "%zu runs of %zu rounds, %zu are there already\n", plan->n_runs,
                  plan->n_rounds, plan->n_runs - jobs.n_runs);
    (void)pthread_mutex_init(&jobs.lock, NULL);
    size_t started = 0;
    for (; started < plan->flags.jobs && r == 0; started += r == 0)
        r = -pthread_create(&threads[started], NULL, work, &jobs);
    if (r < 0)
        note_failure(&jobs, r, fault);
    for (size_t i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_mutex_destroy(&jobs.lock);
    return jobs.result;
}
