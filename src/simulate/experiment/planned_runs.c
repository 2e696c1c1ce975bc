/* Makes the runs of a plan out of its lists. */
#include "planned_runs.h"

#include <assert.h>
#include <errno.h>

#include "flag_values.h"

enum { WIDTH_MAX = 4096, BATCH_MAX = 1000000 };

const char *const fd_reward_names[FD_REWARD_COUNT + 1] = {
    [FD_REWARD_JUDGE] = "judge", [FD_REWARD_TEACHER] = "teacher", [FD_REWARD_SUM] = "sum"};

struct lists {
    fd_flag_list strategies, modes, batch_sizes, widths, rewards;
};

static void lists_clear(struct lists *lists) {
    fd_flag_list_clear(&lists->strategies);
    fd_flag_list_clear(&lists->modes);
    fd_flag_list_clear(&lists->batch_sizes);
    fd_flag_list_clear(&lists->widths);
    fd_flag_list_clear(&lists->rewards);
}

static int split_lists(const fd_simulate_flags *flags, struct lists *ret, fd_fault *fault) {
    int r = fd_flag_list_split("strategies", flags->strategies, &ret->strategies, fault);
    if (r == 0)
        r = fd_flag_list_split("modes", flags->modes, &ret->modes, fault);
    if (r == 0)
        r = fd_flag_list_split("batch-sizes", flags->batch_sizes, &ret->batch_sizes, fault);
    if (r == 0 && flags->widths[0] != '\0')
        r = fd_flag_list_split("widths", flags->widths, &ret->widths, fault);
    return r == 0 ? fd_flag_list_split("rewards", flags->rewards, &ret->rewards, fault) : r;
}

/* Returns the entry of a list in combination *i; *i becomes the combination of the other lists. */
static const char *take_entry(const fd_flag_list *list, size_t *i) {
    const char *entry = list->entries[*i % list->count];
    *i /= list->count;
    return entry;
}

/* Makes combination i; the list of strategies varies fastest. */
static int make_run(const fd_plan *plan, const struct lists *lists, size_t i, fd_run *ret,
                    fd_fault *fault) {
    size_t reward = 0, mode = 0;
    const char *strategy = take_entry(&lists->strategies, &i);
    const char *width = lists->widths.count > 0 ? take_entry(&lists->widths, &i) : NULL;
    const char *batch = take_entry(&lists->batch_sizes, &i);
    int r = fd_flag_find_name("modes", take_entry(&lists->modes, &i), fi_scope_names, &mode, fault);
    if (r == 0)
        r = fd_flag_find_name("rewards", take_entry(&lists->rewards, &i), fd_reward_names, &reward,
                              fault);
    ret->width = plan->options.hidden_width;
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
    ret->reward = (fd_reward)reward;
    return 0;
}

int fd_plan_make_runs(fd_plan *plan, fd_fault *fault) {
    FD_CLEANUP(lists_clear) struct lists lists = {0};
    int r = split_lists(&plan->flags, &lists, fault);
    if (r < 0)
        return r;
    size_t widths = lists.widths.count > 0 ? lists.widths.count : 1;
    size_t combinations = lists.strategies.count * widths * lists.batch_sizes.count *
                          lists.modes.count * lists.rewards.count;
    plan->n_runs = combinations * plan->flags.seeds;
    assert(plan->n_runs > 0); /* each list has at least one entry */
    plan->runs = calloc(plan->n_runs, sizeof(*plan->runs));
    if (!plan->runs)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_runs && r == 0; i++) {
        plan->runs[i].seed = plan->flags.first_seed + i / combinations;
        r = make_run(plan, &lists, i % combinations, &plan->runs[i], fault);
    }
    return r;
}
