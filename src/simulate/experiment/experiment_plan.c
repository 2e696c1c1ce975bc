/* Reads and checks the arguments of `fisherd simulate`. */
#include "experiment_plan.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "flag_values.h"
#include "planned_learners.h"
#include "presets.h"

enum { CANDIDATES_MAX = 1000000, ANSWERS_MAX = 1000000 };

static const fd_option_row rows[] = {
#define OPTION(kind, member, ...)                                                                  \
    {FD_OPTION_##kind, offsetof(fd_simulate_flags, member), __VA_ARGS__},
#include "simulate_options.def"
#undef OPTION
};

const fd_option_table fd_simulate_option_table = {rows, FD_LENGTH(rows)};

/* ---- checks ---- */

static int check_data_flags(const fd_simulate_flags *flags, fd_fault *fault) {
    bool files = flags->items[0] != '\0' || flags->embeddings[0] != '\0' ||
                 flags->prompt_embeddings[0] != '\0' || flags->golden[0] != '\0';
    if ((flags->data[0] != '\0') + (flags->data_dir[0] != '\0') + files != 1)
        return fd_fault_set(fault, -EINVAL, "",
                            "one of --data LIST, --data-dir DIR, or --items with --embeddings and "
                            "--golden or --labels is needed");
    bool known = flags->golden[0] != '\0' || flags->labels[0] != '\0';
    if (files && (!flags->items[0] || !flags->embeddings[0] || !known))
        return fd_fault_set(fault, -EINVAL, "",
                            "--items FILE.jsonl, --embeddings FILE.npy and --golden FILE.npy or "
                            "--labels FILE.jsonl go together");
    return 0;
}

static int check_choice(const char *flag, const char *value, const char *one, const char *other,
                        fd_fault *fault) {
    size_t found;
    return fd_flag_find_name(flag, value, (const char *const[]){one, other, NULL}, &found, fault);
}

static int check_flags(fd_plan *plan, fd_fault *fault) {
    const fd_simulate_flags *flags = &plan->flags;
    size_t part = 0;
    int r = check_data_flags(flags, fault);
    if (r == 0)
        r = check_choice("pending-aware", flags->pending_aware, "yes", "no", fault);
    if (r == 0)
        r = check_choice("first", flags->first, "random", "strategy", fault);
    if (r == 0)
        r = check_choice("learn", flags->learn, "train", "daemon", fault);
    if (r == 0)
        r = check_choice("noise-unit", flags->noise_unit, "spread", "reward", fault);
    if (r == 0)
        r = fd_flag_find_name("part", flags->part, fd_part_names, &part, fault);
    if (r == 0 && flags->candidates[0] != '\0' && strcmp(flags->candidates, "all") != 0)
        r = fd_flag_read_count("candidates", flags->candidates, CANDIDATES_MAX, &plan->candidates,
                               fault);
    if (r == 0 && strpbrk(flags->name, ",\"\n\r"))
        r = fd_fault_set(fault, -EINVAL, "",
                         "--name goes into a CSV file: it may not have commas or quotes");
    plan->part = (fd_part)part;
    plan->as_daemon = strcmp(flags->learn, "daemon") == 0;
    return r;
}

/* ---- lists ---- */

static int read_checkpoints(fd_plan *plan, fd_fault *fault) {
    FD_CLEANUP(fd_flag_list_clear) fd_flag_list list = {0};
    plan->n_rounds = plan->flags.rounds;
    if (plan->flags.checkpoints[0] == '\0')
        return 0;
    int r = fd_flag_list_split("checkpoints", plan->flags.checkpoints, &list, fault);
    if (r < 0)
        return r;
    plan->n_rounds = list.count;
    plan->checkpoints = calloc(list.count, sizeof(*plan->checkpoints));
    if (!plan->checkpoints)
        return -ENOMEM;
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0 || strcmp(list.entries[i], "0") != 0) /* 0 may only be the first one */
            r = fd_flag_read_count("checkpoints", list.entries[i], ANSWERS_MAX,
                                   &plan->checkpoints[i], fault);
        if (r == 0 && i > 0 && plan->checkpoints[i] <= plan->checkpoints[i - 1])
            r = fd_fault_set(fault, -EINVAL, "", "--checkpoints must ascend");
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_mixes(fd_plan *plan, fd_fault *fault) {
    FD_CLEANUP(fd_flag_list_clear) fd_flag_list list = {0};
    int r = fd_flag_list_split("annotators", plan->flags.annotators, &list, fault);
    if (r < 0)
        return r;
    plan->mixes = calloc(list.count, sizeof(*plan->mixes));
    if (!plan->mixes)
        return -ENOMEM;
    for (; r == 0 && plan->n_mixes < list.count; plan->n_mixes++) {
        fd_planned_mix *mix = &plan->mixes[plan->n_mixes];
        mix->text = strdup(list.entries[plan->n_mixes]);
        r = mix->text ? fd_annotator_mix_read(mix->text, &mix->mix, fault) : -ENOMEM;
    }
    return r;
}

/* ---- arguments ---- */

/* Puts the flags of a preset first, so that other flags override them. */
static int expand_preset(int argc, char **argv, int *ret_argc, char ***ret, fd_fault *fault) {
    const char *preset = "";
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--preset=", 9) == 0)
            preset = argv[i] + 9;
        else if (strcmp(argv[i], "--preset") == 0 && i + 1 < argc)
            preset = argv[i + 1];
    }
    char *const *flags = NULL;
    size_t before = 0;
    int r = fd_preset_flags(preset, &flags, &before, fault);
    if (r < 0)
        return r;
    char **all = calloc(before + (size_t)argc + 1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    if (before > 0)
        memcpy(all, flags, before * sizeof(*all));
    memcpy(all + before, argv, (size_t)argc * sizeof(*all));
    *ret_argc = (int)before + argc;
    *ret = all;
    return 0;
}

int fd_plan_read(int argc, char **argv, fd_plan *ret, fd_fault *fault) {
    FD_CLEANUP(fd_plan_clear) fd_plan plan = {0};
    FD_FREE char **all = NULL;
    int r = expand_preset(argc, argv, &argc, &all, fault);
    if (r < 0)
        return r;
    assert(all);
    plan.flags.resume = fd_option_take_switch("--resume", &argc, all);
    r = fd_option_table_take(&fd_simulate_option_table, &argc, all, &plan.flags, fault);
    bool runs = r == 0 && plan.flags.table[0] == '\0';
    if (runs)
        r = check_flags(&plan, fault);
    if (runs && r == 0)
        r = read_checkpoints(&plan, fault);
    if (runs && r == 0)
        r = read_mixes(&plan, fault);
    if (runs && r == 0)
        r = fd_plan_read_learners(&plan, argc, all, fault);
    if (r < 0)
        return r;
    *ret = plan;
    memset(&plan, 0, sizeof(plan));
    return 0;
}

void fd_plan_clear(fd_plan *plan) {
    fd_option_table_clear(&fd_simulate_option_table, &plan->flags);
    fd_plan_clear_learners(plan);
    for (size_t i = 0; i < plan->n_mixes; i++) {
        free(plan->mixes[i].text);
        fd_annotator_mix_clear(&plan->mixes[i].mix);
    }
    free(plan->mixes);
    free(plan->checkpoints);
    free(plan->runs);
    memset(plan, 0, sizeof(*plan));
}
