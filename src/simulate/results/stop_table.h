/* The table of --stops: how often the advice to stop was right. */
#ifndef FD_STOP_TABLE_H
#define FD_STOP_TABLE_H

#include "results_csv.h"

/*
 * Prints a Markdown table with a line for each data set, kind of reward and learner. A case is a
 * checkpoint of a run that has a later one with at least twice the labels. To stop is right there
 * if the log loss on unseen prompts falls by less than `below` until the first such one. -ENOMEM.
 */
int fd_stop_table_print(const fd_results *results, double below, FILE *out) FD_MUST_CHECK;

#endif
