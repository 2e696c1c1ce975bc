/* Makes the runs of a plan out of its lists. */
#include "planned_runs.h"

#include <assert.h>
#include <errno.h>

#include "flag_values.h"

enum { WIDTH_MAX = 4096, BATCH_MAX = 1000000 };

struct lists {
    fd_flag_list strategies, modes, batch_sizes, widths;
};

static void lists_clear(struct lists *lists) {
    fd_flag_list_clear(&lists->strategies);
    fd_flag_list_clear(&lists->modes);
    fd_flag_list_clear(&lists->batch_sizes);
    fd_flag_list_clear(&lists->widths);
}

static int split_lists(const fd_simulate_flags *flags, struct lists *ret, fd_fault *fault) {
    int r = fd_flag_list_split("strategies", flags->strategies, &ret->strategies, fault);
    if (r == 0)
        r = fd_flag_list_split("modes", flags->modes, &ret->modes, fault);
    if (r == 0)
        r = fd_flag_list_split("batch-sizes", flags->batch_sizes, &ret->batch_sizes, fault);
    if (r == 0 && flags->widths[0] != '\0')
        r = fd_flag_list_split("widths", flags->widths, &ret->widths, fault);
    return r;
}

/* Returns a number below `count` for combination *i; *i becomes the combination of what is left. */
static size_t take(size_t count, size_t *i) {
    size_t taken = *i % count;
    *i /= count;
    return taken;
}

static const char *take_entry(const fd_flag_list *list, size_t *i) {
    return list->entries[take(list->count, i)];
}

static size_t count_rewards(const fd_experiment_sets *sets) {
    size_t count = 0;
    for (size_t d = 0; d < sets->count; d++)
        count += sets->data[d].n_rewards;
    return count;
}

/* Makes combination i; the list of strategies varies fastest, then that of learners. */
static int make_run(const fd_plan *plan, const fd_experiment_sets *sets, const struct lists *lists,
                    size_t i, fd_run *ret, fd_fault *fault) {
    size_t mode = 0;
    const char *strategy = take_entry(&lists->strategies, &i);
    ret->learner = take(plan->n_learners, &i);
    ret->mix = take(plan->n_mixes, &i);
    const char *width = lists->widths.count > 0 ? take_entry(&lists->widths, &i) : NULL;
    const char *batch = take_entry(&lists->batch_sizes, &i);
    int r = fd_flag_find_name("modes", take_entry(&lists->modes, &i), fi_scope_names, &mode, fault);
    for (ret->reward = i; ret->reward >= sets->data[ret->data].n_rewards; ret->data++)
        ret->reward -= sets->data[ret->data].n_rewards;
    ret->width = plan->learners[ret->learner].options.hidden_width;
    if (r == 0 && width)
        r = fd_flag_read_count("widths", width, WIDTH_MAX, &ret->width, fault);
    if (r == 0)
        r = fd_flag_read_count("batch-sizes", batch, BATCH_MAX, &ret->batch, fault);
    if (r != 0)
        return r;
    const fi_strategy *found = fi_strategy_find(strategy);
    if (!found)
        return fd_fault_set(fault, -EINVAL, "", "there is no strategy \"%.60s\"", strategy);
    ret->strategy = found->name;
    ret->mode = (fi_scope)mode;
    return 0;
}

int fd_plan_make_runs(fd_plan *plan, const fd_experiment_sets *sets, fd_fault *fault) {
    FD_CLEANUP(lists_clear) struct lists lists = {0};
    int r = split_lists(&plan->flags, &lists, fault);
    if (r < 0)
        return r;
    size_t widths = lists.widths.count > 0 ? lists.widths.count : 1;
    size_t combinations = lists.strategies.count * plan->n_learners * plan->n_mixes * widths *
                          lists.batch_sizes.count * lists.modes.count * count_rewards(sets);
    plan->n_runs = combinations * plan->flags.splits * plan->flags.seeds;
    assert(plan->n_runs > 0); /* each list has at least one entry */
    plan->runs = calloc(plan->n_runs, sizeof(*plan->runs));
    if (!plan->runs)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_runs && r == 0; i++) {
        plan->runs[i].seed = plan->flags.first_seed + i / combinations / plan->flags.splits;
        plan->runs[i].split = i / combinations % plan->flags.splits;
        r = make_run(plan, sets, &lists, i % combinations, &plan->runs[i], fault);
    }
    return r;
}
