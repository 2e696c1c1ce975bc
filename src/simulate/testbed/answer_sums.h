/* Sums over the answers to pairs of prompts with a role. */
#ifndef FD_ANSWER_SUMS_H
#define FD_ANSWER_SUMS_H

#include "ranking_measures.h"

/* An answer, or several alike. */
typedef struct fd_weighed_answer {
    uint32_t a, b;
    double p; /* how much of it prefers a; one half of a tie does */
    double weight;
    bool is_tie;
} fd_weighed_answer;

/* Visits the votes about pairs of items whose prompts have the role, or without votes the expected
 * answer to each pair within such a prompt. */
void fd_visit_answers(const fd_testbed *testbed, const fd_truth *truth, fd_prompt_role role,
                      void (*visit)(void *context, const fd_weighed_answer *answer), void *context);

#endif
