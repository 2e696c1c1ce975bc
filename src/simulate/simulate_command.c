/*
 * `fisherd simulate`: the experiment of Shen, Sun and Ton (arXiv 2502.04354) on the engine of the
 * daemon.
 */
#include "simulate_command.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "blas_kernels.h"
#include "comparison_table.h"
#include "jobs.h"
#include "log.h"
#include "planned_runs.h"
#include "plot_curves.h"
#include "plot_plane.h"
#include "report_error.h"
#include "results_table.h"
#include "stop_table.h"

enum { WRONG_INPUT = 2 };

/* Reads the runs in the file so far, and opens it to append. Without --resume it must not exist. */
static int open_csv(const fd_simulate_flags *flags, fd_results *done, FILE **ret, fd_fault *fault) {
    bool exists = access(flags->csv, F_OK) == 0;
    if (exists && !flags->resume)
        return fd_fault_set(fault, -EINVAL, "", "%s exists already; --resume continues it",
                            flags->csv);
    int r = exists ? fd_results_read(flags->csv, done, fault) : 0;
    if (r == 0)
        r = fd_results_rewrite(flags->csv, done, fault);
    if (r < 0)
        return r;
    if (done->dropped > 0)
        (void)fprintf(stderr, "%zu rows of incomplete runs are dropped\n", done->dropped);
    *ret = fopen(flags->csv, "ae");
    return *ret ? 0
                : fd_fault_set(fault, -errno, "", "%s cannot be written: %s", flags->csv,
                               strerror(errno));
}

static int run(const fd_plan *plan, const fd_experiment_sets *sets, fd_fault *fault,
               int *ret_status) {
    FD_CLEANUP(fd_results_clear) fd_results done = {0};
    FILE *out = NULL;
    *ret_status = WRONG_INPUT;
    int r = open_csv(&plan->flags, &done, &out, fault);
    if (r < 0)
        return r;
    assert(out);
    *ret_status = 1;
    openblas_set_num_threads(1);
    r = fd_jobs_run(plan, sets, &done, out, fault);
    if (fclose(out) != 0 && r == 0)
        r = -errno;
    return r;
}

/* Prints and plots all complete runs of the file, including those of earlier calls. */
static int report(const fd_simulate_flags *flags, const char *path, fd_fault *fault) {
    FD_CLEANUP(fd_results_clear) fd_results results = {0};
    FD_CLEANUP(fd_curve_groups_clear) fd_curve_groups groups = {0};
    int r = fd_results_read(path, &results, fault);
    if (r == 0)
        r = fd_curve_groups_of(&results, &groups);
    if (r == 0 && flags->stops > 0)
        r = fd_stop_table_print(&results, flags->stops, stdout);
    else if (r == 0 && flags->compare[0] != '\0')
        r = fd_comparison_table_print(&results, flags->compare, stdout, fault);
    else if (r == 0)
        r = fd_results_table_print(&groups, flags->against[0] != '\0' ? flags->against : NULL,
                                   stdout);
    if (r < 0 || flags->plot[0] == '\0')
        return r;
    return fd_plot_curves(&groups, flags->plot, fault);
}

/* Says which prompts a part has, so that a choice of it can be proven later. */
static int tell_parts(const fd_plan *plan, const fd_experiment_sets *sets) {
    for (size_t d = 0; plan->part != FD_PART_ALL && d < sets->count; d++) {
        const fd_testbed *testbed = &sets->data[d].testbed;
        uint64_t digest;
        int r = fd_part_digest(testbed->n_prompts, testbed->prompt_ids, plan->part, &digest);
        if (r < 0)
            return r;
        (void)fprintf(stderr, "%s: %s part %016" PRIx64 "\n", testbed->name,
                      fd_part_names[plan->part], digest);
    }
    return 0;
}

static int simulate(fd_plan *plan, char **argv, fd_fault *fault, int *ret_status) {
    FD_CLEANUP(fd_experiment_sets_clear) fd_experiment_sets sets = {0};
    const fd_simulate_flags *flags = &plan->flags;
    *ret_status = WRONG_INPUT;
    int r = fd_blas_kernels_choose(plan->learners[0].options.blas_kernels, argv - 2, fault);
    if (r == 0)
        r = fd_experiment_sets_read(plan, &sets, fault);
    if (r == 0)
        r = fd_plan_make_runs(plan, &sets, fault);
    if (r == 0)
        r = tell_parts(plan, &sets);
    if (r == 0)
        r = run(plan, &sets, fault, ret_status);
    if (r == 0)
        r = report(flags, flags->csv, fault);
    if (r == 0 && strcmp(flags->data, "plane") == 0 && flags->plot[0] != '\0')
        r = fd_plot_plane(plan, &sets, flags->plot, fault);
    return r;
}

int fd_simulate_main(int argc, char **argv) {
    FD_CLEANUP(fd_plan_clear) fd_plan plan = {0};
    fd_fault fault = {0};
    int status = WRONG_INPUT;
    fd_log_set_level(FD_LOG_WARNING);
    int r = fd_plan_read(argc, argv, &plan, &fault);
    if (r == 0 && plan.flags.table[0] != '\0')
        r = report(&plan.flags, plan.flags.table, &fault);
    else if (r == 0)
        r = simulate(&plan, argv, &fault, &status);
    if (r < 0)
        (void)fd_report_error("simulate", r, &fault);
    return r < 0 ? status : 0;
}

void fd_simulate_print_help(FILE *out) {
    (void)fputs("fisherd simulate runs an active-learning experiment. In each round a strategy "
                "chooses pairs,\nsimulated annotators answer them, and the model learns from the "
                "answers. A CSV file gets\na row per round.\n\nOptions, with their defaults:\n",
                out);
    fd_option_table_print_help(&fd_simulate_option_table, "", out);
    (void)fputs("  --resume                   continue the CSV file: skip its complete runs\n\n"
                "The options of the engine that fisherd --help lists are available too:\n"
                "--hidden-layers, --prior-precision, --weight-decay, --held-out, --iterations, …\n",
                out);
}
