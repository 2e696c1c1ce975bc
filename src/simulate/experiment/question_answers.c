/* Makes labels of answers, and counts what they cost. */
#include "question_answers.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { ID_SIZE = 32 };

static const double longest_answer = 300; /* seconds; the rest of a recorded time is a pause */

static size_t answers_left(const fd_experiment *experiment, fi_pair pair) {
    size_t wanted = experiment->plan->flags.redundancy;
    const fd_recorded_votes *votes = experiment->answering.votes;
    if (!votes)
        return wanted;
    size_t left = fd_recorded_votes_find(votes, pair.a, pair.b)->count -
                  fd_pair_set_count(&experiment->asked, pair.a, pair.b);
    return left < wanted ? left : wanted;
}

static void count_cost(fd_experiment *experiment, const fd_answer *answer) {
    const fd_simulate_flags *flags = &experiment->plan->flags;
    bool timed = answer->vote && !isnan(answer->vote->seconds);
    experiment->seconds +=
        timed ? fmin(answer->vote->seconds, longest_answer) : flags->answer_seconds;
    const uint32_t items[] = {answer->left, answer->right};
    for (size_t i = 0; i < FD_LENGTH(items); i++) {
        if (experiment->shown[items[i]])
            continue;
        experiment->shown[items[i]] = true;
        experiment->responses++;
        experiment->seconds += flags->response_seconds;
    }
}

/* `texts` has room for an id and a name of ID_SIZE each. */
static void answer(fd_experiment *experiment, fi_pair pair, uint64_t number, char *texts,
                   fd_label *ret) {
    static const fd_preference preferences[] = {[FD_SIDE_LEFT] = FD_PREFER_A,
                                                [FD_SIDE_RIGHT] = FD_PREFER_B,
                                                [FD_SIDE_NEITHER] = FD_PREFER_TIE};
    char *const *ids = experiment->testbed->ids;
    uint32_t before = fd_pair_set_add(&experiment->asked, pair.a, pair.b);
    fd_answer given = fd_answer_question(&experiment->answering, pair.a, pair.b, before);
    count_cost(experiment, &given);
    (void)snprintf(texts, ID_SIZE, "label-%" PRIu64, number);
    (void)snprintf(texts + ID_SIZE, ID_SIZE, "annotator-%" PRIu64, given.annotator);
    *ret = (fd_label){
        .id = texts,
        .a = ids[given.left],
        .b = ids[given.right],
        .preference = preferences[given.preferred],
        .annotator = given.vote ? given.vote->annotator : texts + ID_SIZE,
        .duration_ms =
            given.vote && !isnan(given.vote->seconds) ? (int64_t)(1000 * given.vote->seconds) : -1,
    };
}

int fd_experiment_answer_pairs(fd_experiment *experiment, size_t count) {
    size_t most = count * experiment->plan->flags.redundancy, n = 0;
    FD_FREE fd_label *labels = calloc(most + 1, sizeof(*labels));
    FD_FREE char *texts = calloc(most + 1, 2 * (size_t)ID_SIZE);
    int r = fd_pair_set_reserve(&experiment->asked, count);
    if (!labels || !texts || r < 0)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        fi_pair pair = experiment->queue[experiment->next + i];
        for (size_t left = answers_left(experiment, pair); left > 0; left--, n++)
            answer(experiment, pair, experiment->labels + n, texts + n * 2 * (size_t)ID_SIZE,
                   &labels[n]);
    }
    r = fd_learner_add_labels(&experiment->learner, labels, n, experiment->fault);
    if (r < 0)
        return r;
    experiment->next += count;
    experiment->labels += n;
    return 0;
}
