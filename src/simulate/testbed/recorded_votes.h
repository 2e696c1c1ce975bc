/* Votes of people about pairs of items, read from a file. */
#ifndef FD_RECORDED_VOTES_H
#define FD_RECORDED_VOTES_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"

typedef enum fd_side { FD_SIDE_LEFT, FD_SIDE_RIGHT, FD_SIDE_NEITHER } fd_side;

typedef struct fd_vote {
    uint32_t left, right; /* items, as they were shown */
    fd_side preferred;    /* neither: a tie */
    char *annotator;
    double seconds; /* that it took; NaN if unknown */
    size_t line;    /* of the file */
} fd_vote;

/* The votes about two items, whichever was on the left. */
typedef struct fd_voted_pair {
    uint32_t low, high; /* the items, low < high */
    size_t first;       /* of its votes */
    size_t count;
} fd_voted_pair;

typedef struct fd_recorded_votes {
    size_t n_votes, capacity;
    fd_vote *votes; /* [n_votes] pair by pair, each in the order of the lines */
    size_t n_pairs;
    fd_voted_pair *pairs; /* [n_pairs] by their items */
} fd_recorded_votes;

/*
 * Reads JSON lines with "a", "b", "preference" (or "preferred": "a", "b" or "tie"; lines with
 * "skip" do not count) and, if they are known, "annotator" and "duration_ms". ids [n_items] are the
 * items, each once. -EINVAL and the like with a fault.
 */
int fd_recorded_votes_read(const char *path, size_t n_items, char *const *ids,
                           fd_recorded_votes *ret, fd_fault *fault) FD_MUST_CHECK;
void fd_recorded_votes_clear(fd_recorded_votes *votes);

/* The votes about a pair; NULL: none. */
const fd_voted_pair *fd_recorded_votes_find(const fd_recorded_votes *votes, uint32_t a, uint32_t b);

/* What share of a vote says that the pair's low item is better: 1, 0, or 0.5 for a tie. */
double fd_vote_for_low(const fd_voted_pair *pair, const fd_vote *vote);

#endif
