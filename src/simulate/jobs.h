/* Runs all runs of a plan, several at a time, with progress on standard error. */
#ifndef FD_JOBS_H
#define FD_JOBS_H

#include "results_csv.h"

/*
 * Appends a row to the CSV file `out` after every round, and flushes it. Skips the runs in `done`.
 * After the first failure all runs end with their current round.
 */
int fd_jobs_run(const fd_plan *plan, const fd_experiment_sets *sets, const fd_results *done,
                FILE *out, fd_fault *fault) FD_MUST_CHECK;

#endif
