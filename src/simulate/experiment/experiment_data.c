/* Reads the testbeds of a plan and makes their rewards. */
#include "experiment_data.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>

#include "array.h"
#include "data_layout.h"
#include "flag_values.h"
#include "teacher.h"

void fd_experiment_sets_clear(fd_experiment_sets *sets) {
    for (size_t d = 0; d < sets->count; d++) {
        fd_testbed_clear(&sets->data[d].testbed);
        for (size_t i = 0; i < sets->data[d].n_rewards; i++)
            free(sets->data[d].rewards[i].values);
        free(sets->data[d].rewards);
    }
    free(sets->data);
    memset(sets, 0, sizeof(*sets));
}

int fd_experiment_split(const fd_plan *plan, const fd_testbed *testbed, uint64_t split,
                        fd_prompt_role *roles) {
    fd_prompt_split wanted = {plan->part, split, plan->flags.test_share};
    return fd_split_prompts(testbed->n_prompts, testbed->prompt_ids, &wanted, roles);
}

fd_truth fd_experiment_truth(const fd_experiment_data *data, size_t reward,
                             const fd_prompt_role *roles) {
    const fd_experiment_reward *chosen = &data->rewards[reward];
    bool is_votes = chosen->source.kind == FD_REWARD_VOTES;
    return (fd_truth){chosen->values, chosen->noise, is_votes ? &data->testbed.votes : NULL, roles};
}

/* ---- rewards ---- */

struct adding {
    fd_experiment_data *data;
    const fd_simulate_flags *flags;
    fd_fault *fault;
};

static int add_reward(void *context, const fd_reward_source *source) {
    struct adding *adding = context;
    fd_experiment_data *data = adding->data;
    fd_experiment_reward reward = {.source = fd_reward_source_for(&data->testbed, *source)};
    fd_reward_source_name(&reward.source, reward.name);
    for (size_t i = 0; i < data->n_rewards; i++)
        if (strcmp(data->rewards[i].name, reward.name) == 0)
            return 0;
    int r = fd_array_reserve(&data->rewards, &data->capacity, data->n_rewards + 1,
                             sizeof(*data->rewards));
    if (r == 0)
        r = fd_reward_source_values(&data->testbed, &reward.source, &reward.values, adding->fault);
    if (r < 0)
        return r;
    bool relative = strcmp(adding->flags->noise_unit, "spread") == 0;
    double spread = relative && reward.values ? fd_reward_spread(&data->testbed, reward.values) : 1;
    reward.noise = adding->flags->noise * (spread > 0 ? spread : 1);
    data->rewards[data->n_rewards++] = reward;
    return 0;
}

/* `text` is a list with the separator, which the reading destroys. */
static int add_rewards(struct adding *adding, char *text, const char *separator) {
    int r = 0;
    for (char *entry; r == 0 && (entry = strsep(&text, separator));)
        r = fd_reward_sources_read(entry, add_reward, adding, adding->fault);
    return r;
}

/* ---- testbeds ---- */

static int read_labels(const fd_simulate_flags *flags, fd_testbed *testbed, fd_fault *fault) {
    if (flags->labels[0] == '\0')
        return 0;
    fd_recorded_votes_clear(&testbed->votes);
    return fd_recorded_votes_read(flags->labels, testbed->n_items, testbed->ids, &testbed->votes,
                                  fault);
}

static int read_folder(const fd_simulate_flags *flags, const char *folder, fd_testbed *ret,
                       fd_fault *fault) {
    FD_CLEANUP(fd_data_layout_clear) fd_data_layout layout = {0};
    int r = fd_data_layout_find(folder, flags->labels[0] != '\0', &layout, fault);
    return r < 0 ? r : fd_testbed_read(&layout.files, ret, fault);
}

static int read_files(const fd_simulate_flags *flags, fd_testbed *ret, fd_fault *fault) {
    FD_FREE char *items = strdup(flags->items);
    if (!items)
        return -ENOMEM;
    fd_testbed_files files = {
        .name = basename(items),
        .items = flags->items,
        .embeddings = flags->embeddings,
        .prompt_embeddings = flags->prompt_embeddings[0] != '\0' ? flags->prompt_embeddings : NULL,
        .golden = flags->golden[0] != '\0' ? flags->golden : NULL,
    };
    return fd_testbed_read(&files, ret, fault);
}

/* Each split must have pairs to learn from and pairs to test on. */
static int check_split(const fd_plan *plan, const fd_experiment_data *data, uint64_t split,
                       fd_fault *fault) {
    const fd_testbed *testbed = &data->testbed;
    FD_FREE fd_prompt_role *roles = calloc(testbed->n_prompts + 1, sizeof(*roles));
    size_t prompts[3] = {0};
    if (!roles)
        return -ENOMEM;
    int r = fd_experiment_split(plan, testbed, split, roles);
    if (r < 0)
        return r;
    for (size_t k = 0; k < testbed->n_prompts; k++)
        prompts[roles[k]] += testbed->prompt_start[k + 1] - testbed->prompt_start[k] >= 2;
    if (prompts[FD_PROMPT_TRAINS] == 0 || prompts[FD_PROMPT_TESTS] == 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "%.60s: of the prompts with at least two items, %zu train and %zu test "
                            "the model; at least one of each is needed",
                            testbed->name, prompts[FD_PROMPT_TRAINS], prompts[FD_PROMPT_TESTS]);
    return 0;
}

/* A run makes its scores itself. What a file lacks is said before the first one. */
static int check_scores(const fd_plan *plan, const fd_experiment_data *data, fd_fault *fault) {
    int r = 0;
    for (size_t i = 0; r == 0 && i < plan->n_learners; i++) {
        FD_FREE double *values = NULL;
        for (size_t k = 0; r == 0 && plan->learners[i].scores.given && k < data->n_rewards; k++) {
            free(FD_STEAL(values));
            r = fd_score_source_values(&plan->learners[i].scores, &data->testbed,
                                       data->rewards[k].values, 0, &values, fault);
        }
    }
    return r;
}

/* Reads FOLDER[@REWARDS], "plane[@REWARDS]", or with NULL what --items and the like name. */
static int read_data(const fd_plan *plan, char *entry, fd_experiment_data *ret, fd_fault *fault) {
    const fd_simulate_flags *flags = &plan->flags;
    struct adding adding = {ret, flags, fault};
    char *own = entry ? strchr(entry, '@') : NULL;
    if (own)
        *own++ = '\0';
    int r = !entry                        ? read_files(flags, &ret->testbed, fault)
            : strcmp(entry, "plane") == 0 ? fd_testbed_plane(&ret->testbed)
                                          : read_folder(flags, entry, &ret->testbed, fault);
    if (r == 0)
        r = read_labels(flags, &ret->testbed, fault);
    FD_FREE char *shared = strdup(flags->rewards);
    if (r < 0 || !shared)
        return r < 0 ? r : -ENOMEM;
    r = own ? add_rewards(&adding, own, "+") : add_rewards(&adding, shared, ",");
    for (uint64_t split = 0; r == 0 && split < flags->splits; split++)
        r = check_split(plan, ret, split, fault);
    return r == 0 ? check_scores(plan, ret, fault) : r;
}

int fd_experiment_sets_read(const fd_plan *plan, fd_experiment_sets *ret, fd_fault *fault) {
    const fd_simulate_flags *flags = &plan->flags;
    FD_CLEANUP(fd_flag_list_clear) fd_flag_list list = {0};
    int r = 0;
    if (flags->data[0] != '\0')
        r = fd_flag_list_split("data", flags->data, &list, fault);
    else if (flags->data_dir[0] != '\0')
        r = fd_flag_list_split("data-dir", flags->data_dir, &list, fault);
    if (r < 0)
        return r;
    size_t count = list.count > 0 ? list.count : 1;
    ret->data = calloc(count, sizeof(*ret->data));
    if (!ret->data)
        return -ENOMEM;
    for (; r == 0 && ret->count < count; ret->count++)
        r = read_data(plan, list.count > 0 ? list.entries[ret->count] : NULL,
                      &ret->data[ret->count], fault);
    return r;
}
