/* Where a learner's prior score of the items comes from: a file of the data set, or made up. */
#ifndef FD_SCORE_SOURCE_H
#define FD_SCORE_SOURCE_H

#include "fault.h"
#include "project_settings.h"
#include "testbed.h"

enum { FD_SCORE_FILE_MAX = 100 };

typedef struct fd_score_source {
    bool given;
    char file[FD_SCORE_FILE_MAX + 1]; /* in the folder of the items; empty: it is made up */
    double correlation;               /* with the reward, within prompts, of a made-up one */
    fd_trust trust;
} fd_score_source;

/* Reads "FILE.npy" or "like:CORRELATION", and "@TRUST" behind it. -EINVAL with a fault. */
int fd_score_source_read(const char *text, fd_score_source *ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * *ret becomes malloc'd [n_items], NaN where an item has none. A made-up score is
 *
 *     c z + sqrt(1 - c^2) e
 *
 * with z the rewards [n_items], centred within prompts and of variance 1, and e standard normal by
 * the seed. -EINVAL and the like with a fault, also for a made-up score without rewards; -ENOMEM.
 */
int fd_score_source_values(const fd_score_source *source, const fd_testbed *testbed,
                           const double *rewards, uint64_t seed, double **ret,
                           fd_fault *fault) FD_MUST_CHECK;

#endif
