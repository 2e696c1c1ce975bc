/* Reads and checks the arguments of `fisherd simulate`. */
#include "experiment_plan.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "flag_values.h"
#include "planned_runs.h"

enum { CANDIDATES_MAX = 1000000 };

static const fd_option_row rows[] = {
#define OPTION(kind, member, ...)                                                                  \
    {FD_OPTION_##kind, offsetof(fd_simulate_flags, member), __VA_ARGS__},
#include "simulate_options.def"
#undef OPTION
};

const fd_option_table fd_simulate_option_table = {rows, FD_LENGTH(rows)};

/* The published code of Shen, Sun and Ton: no regularisation, no early stopping, and a training
 * from scratch in each round. */
static char *const paper[] = {
    "--strategies=pa-dopt", "--name=paper",           "--retrain=scratch", "--first=random",
    "--model=network",      "--candidates=20000",     "--contested=1",     "--hidden-layers=3",
    "--hidden-width=64",    "--components=0",         "--iterations=1000", "--batch-size=0",
    "--patience=0",         "--held-out=0",           "--weight-decay=0",  "--learning-rate=1e-3",
    "--copy-distance=0",    "--prior-precision=1e-6", "--max-per-item=0",  "--max-per-prompt=0",
};

/* Options that no run depends on, or that the plan sets itself. */
static const char *const omitted_options[] = {"db",
                                              "listen",
                                              "config",
                                              "log-level",
                                              "strategy",
                                              "objective",
                                              "candidates",
                                              "ready",
                                              "lease-seconds",
                                              "redundancy",
                                              "redundancy-share",
                                              "control-fraction",
                                              "max-skips",
                                              "hidden-width",
                                              "refit",
                                              "retrain-labels",
                                              "retrain-seconds",
                                              "seed",
                                              "connections",
                                              "threads",
                                              "idle-seconds",
                                              "request-seconds",
                                              "blas-kernels",
                                              "models-kept",
                                              "stop-below",
                                              NULL};

/* ---- checks ---- */

static int check_data_flags(const fd_simulate_flags *flags, fd_fault *fault) {
    bool files = flags->items[0] != '\0' || flags->embeddings[0] != '\0' ||
                 flags->prompt_embeddings[0] != '\0' || flags->golden[0] != '\0';
    if ((flags->data[0] != '\0') + (flags->data_dir[0] != '\0') + files != 1)
        return fd_fault_set(fault, -EINVAL, "",
                            "one of --data plane, --data-dir DIR, or --items with --embeddings and "
                            "--golden is needed");
    if (flags->data[0] != '\0' && strcmp(flags->data, "plane") != 0)
        return fd_fault_set(fault, -EINVAL, "", "--data takes plane, not \"%.60s\"", flags->data);
    if (files && (!flags->items[0] || !flags->embeddings[0] || !flags->golden[0]))
        return fd_fault_set(fault, -EINVAL, "",
                            "--items FILE.jsonl, --embeddings FILE.npy and --golden FILE.npy go "
                            "together");
    return 0;
}

static int check_choice(const char *flag, const char *value, const char *one, const char *other,
                        fd_fault *fault) {
    size_t found;
    return fd_flag_find_name(flag, value, (const char *const[]){one, other, NULL}, &found, fault);
}

static int check_flags(fd_plan *plan, fd_fault *fault) {
    const fd_simulate_flags *flags = &plan->flags;
    int r = check_data_flags(flags, fault);
    if (r == 0)
        r = check_choice("pending-aware", flags->pending_aware, "yes", "no", fault);
    if (r == 0)
        r = check_choice("first", flags->first, "random", "strategy", fault);
    if (r == 0 && flags->candidates[0] != '\0' && strcmp(flags->candidates, "all") != 0)
        r = fd_flag_read_count("candidates", flags->candidates, CANDIDATES_MAX, &plan->candidates,
                               fault);
    if (r == 0 && strpbrk(flags->name, ",\"\n\r"))
        r = fd_fault_set(fault, -EINVAL, "",
                         "--name goes into a CSV file: it may not have commas or quotes");
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
    bool is_paper = strcmp(preset, "paper") == 0;
    if (preset[0] != '\0' && !is_paper)
        return fd_fault_set(fault, -EINVAL, "", "--preset takes paper, not \"%.60s\"", preset);
    size_t before = is_paper ? FD_LENGTH(paper) : 0;
    char **all = calloc(before + (size_t)argc + 1, sizeof(*all));
    if (!all)
        return -ENOMEM;
    memcpy(all, paper, before * sizeof(*all));
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
    if (r == 0)
        r = fd_options_read(argc, all, &plan.options, fault);
    bool runs = r == 0 && plan.flags.table[0] == '\0';
    if (runs)
        r = check_flags(&plan, fault);
    if (runs && r == 0)
        r = fd_plan_make_runs(&plan, fault);
    if (r == 0)
        r = fd_options_describe(&plan.options, omitted_options, &plan.described_options);
    if (r < 0)
        return r;
    *ret = plan;
    memset(&plan, 0, sizeof(plan));
    return 0;
}

void fd_plan_clear(fd_plan *plan) {
    fd_option_table_clear(&fd_simulate_option_table, &plan->flags);
    fd_options_clear(&plan->options);
    free(plan->described_options);
    free(plan->runs);
    memset(plan, 0, sizeof(*plan));
}
