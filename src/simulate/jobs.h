/* All runs of a plan, some at a time, with progress on standard error. */
#ifndef FD_JOBS_H
#define FD_JOBS_H

#include "results_csv.h"

/*
 * Appends a row to the CSV file after every round, and flushes it. Runs that `done` has are
 * skipped. The first failure ends all runs after their round.
 */
int fd_jobs_run(const fd_plan *plan, const fd_testbed *data, const fd_results *done, FILE *out,
                fd_fault *fault) FD_MUST_CHECK;

#endif
