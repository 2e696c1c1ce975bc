#include "experiment_plan.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

static const fd_option_row rows[] = {
#define OPTION(kind, member, ...) {FD_OPTION_##kind, offsetof(fd_flags, member), __VA_ARGS__},
#include "simulate_options.def"
#undef OPTION
};

static const fd_option_table table = {rows, FD_LENGTH(rows)};

/* Shen, Sun and Ton's published code: no regularisation, no stopping, anew in each round. */
static char *const paper[] = {
    "--strategies=pa-dopt", "--name=paper",           "--retrain=scratch", "--first=random",
    "--model=network",      "--candidates=20000",     "--contested=1",     "--hidden-layers=3",
    "--hidden-width=64",    "--components=0",         "--iterations=1000", "--batch-size=0",
    "--patience=0",         "--held-out=0",           "--weight-decay=0",  "--learning-rate=1e-3",
    "--copy-distance=0",    "--prior-precision=1e-6", "--max-per-item=0",  "--max-per-prompt=0",
};

const char *const fd_reward_names[FD_REWARD_COUNT] = {
    [FD_REWARD_JUDGE] = "judge", [FD_REWARD_TEACHER] = "teacher", [FD_REWARD_SUM] = "sum"};

static const char *const mode_names[] = {
    [FI_SCOPE_WITHIN] = "in_prompt", [FI_SCOPE_ACROSS] = "cross_prompt", [FI_SCOPE_ANY] = "any"};

const char *fd_mode_name(fi_scope mode) {
    return mode_names[mode];
}

/* Options that no run depends on, or that the plan sets itself. */
static const char *const without[] = {"db",
                                      "listen",
                                      "config",
                                      "log-level",
                                      "strategy",
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

void fd_simulate_print_help(FILE *out) {
    (void)fputs("fisherd simulate runs an active-learning experiment: in each round pairs are "
                "chosen,\nanswered by simulated annotators and learned from; a CSV file gets a row "
                "per round.\n\nOptions, with their defaults:\n",
                out);
    fd_option_table_print_help(&table, out);
    (void)fputs(
        "  --resume                   go on with the CSV file: complete runs are skipped\n\n"
        "And those of the engine, as fisherd --help tells them: --hidden-layers,\n"
        "--prior-precision, --weight-decay, --held-out, --iterations, …\n",
        out);
}

/* ---- lists ---- */

struct list {
    char *text; /* the entries, each ended by a NUL */
    size_t count;
    char **entries;
};

static void list_clear(struct list *list) {
    free(list->text);
    free(list->entries);
}

static int list_split(const char *name, const char *text, struct list *ret, fd_fault *fault) {
    ret->text = strdup(text);
    ret->entries = calloc(strlen(text) + 1, sizeof(*ret->entries));
    if (!ret->text || !ret->entries)
        return -ENOMEM;
    char *rest = ret->text;
    for (char *entry; (entry = strsep(&rest, ","));) {
        if (*entry == '\0')
            return fd_fault_set(fault, -EINVAL, "", "--%s is a list like a,b; an entry is empty",
                                name);
        ret->entries[ret->count++] = entry;
    }
    return 0;
}

static int find_name(const char *flag, const char *entry, const char *const *names, size_t n,
                     size_t *ret, fd_fault *fault) {
    char all[128] = "";
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(all);
        if (strcmp(entry, names[i]) == 0) {
            *ret = i;
            return 0;
        }
        (void)snprintf(all + used, sizeof(all) - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    return fd_fault_set(fault, -EINVAL, "", "--%s takes %s, not \"%.60s\"", flag, all, entry);
}

static int read_count(const char *flag, const char *text, uint64_t highest, uint64_t *ret,
                      fd_fault *fault) {
    char *end = NULL;
    errno = 0;
    unsigned long long value = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
    if (!end || *end != '\0' || errno != 0 || value < 1 || value > highest)
        return fd_fault_set(fault, -EINVAL, "", "--%s takes whole numbers of 1 to %llu, not \"%s\"",
                            flag, (unsigned long long)highest, text);
    *ret = value;
    return 0;
}

/* ---- the product ---- */

struct lists {
    struct list strategies, modes, batch_sizes, widths, rewards;
};

static void lists_clear(struct lists *lists) {
    list_clear(&lists->strategies);
    list_clear(&lists->modes);
    list_clear(&lists->batch_sizes);
    list_clear(&lists->widths);
    list_clear(&lists->rewards);
}

static int split_all(const fd_flags *flags, struct lists *ret, fd_fault *fault) {
    int r = list_split("strategies", flags->strategies, &ret->strategies, fault);
    if (r == 0)
        r = list_split("modes", flags->modes, &ret->modes, fault);
    if (r == 0)
        r = list_split("batch-sizes", flags->batch_sizes, &ret->batch_sizes, fault);
    if (r == 0 && flags->widths[0] != '\0')
        r = list_split("widths", flags->widths, &ret->widths, fault);
    return r == 0 ? list_split("rewards", flags->rewards, &ret->rewards, fault) : r;
}

/* Run number i of a seed, counted through all lists, the last one fastest. */
static int make_run(const fd_plan *plan, const struct lists *lists, size_t i, fd_run *ret,
                    fd_fault *fault) {
    size_t widths = lists->widths.count > 0 ? lists->widths.count : 1, reward = 0, mode = 0;
    const char *strategy = lists->strategies.entries[i % lists->strategies.count];
    i /= lists->strategies.count;
    const char *width = lists->widths.count > 0 ? lists->widths.entries[i % widths] : NULL;
    i /= widths;
    const char *batch = lists->batch_sizes.entries[i % lists->batch_sizes.count];
    i /= lists->batch_sizes.count;
    int r = find_name("modes", lists->modes.entries[i % lists->modes.count], mode_names,
                      FD_LENGTH(mode_names), &mode, fault);
    i /= lists->modes.count;
    if (r == 0)
        r = find_name("rewards", lists->rewards.entries[i], fd_reward_names, FD_REWARD_COUNT,
                      &reward, fault);
    ret->width = plan->options.hidden_width;
    if (r == 0 && width)
        r = read_count("widths", width, 4096, &ret->width, fault);
    if (r == 0)
        r = read_count("batch-sizes", batch, 1000000, &ret->batch, fault);
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

static int make_runs(fd_plan *plan, fd_fault *fault) {
    FD_CLEANUP(lists_clear) struct lists lists = {0};
    int r = split_all(&plan->flags, &lists, fault);
    if (r < 0)
        return r;
    size_t widths = lists.widths.count > 0 ? lists.widths.count : 1;
    size_t a_seed = lists.strategies.count * widths * lists.batch_sizes.count * lists.modes.count *
                    lists.rewards.count;
    plan->n_runs = a_seed * plan->flags.seeds;
    assert(plan->n_runs > 0); /* a list has an entry at least */
    plan->runs = calloc(plan->n_runs, sizeof(*plan->runs));
    if (!plan->runs)
        return -ENOMEM;
    for (size_t i = 0; i < plan->n_runs && r == 0; i++) {
        plan->runs[i].seed = plan->flags.first_seed + i / a_seed;
        r = make_run(plan, &lists, i % a_seed, &plan->runs[i], fault);
    }
    return r;
}

/* ---- checks ---- */

static int check_choice(const char *flag, const char *value, const char *one, const char *other,
                        fd_fault *fault) {
    size_t found;
    const char *const names[] = {one, other};
    return find_name(flag, value, names, 2, &found, fault);
}

static int check_data(const fd_flags *flags, fd_fault *fault) {
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

static int check(fd_plan *plan, fd_fault *fault) {
    const fd_flags *flags = &plan->flags;
    int r = check_data(flags, fault);
    if (r == 0)
        r = check_choice("pending-aware", flags->pending_aware, "yes", "no", fault);
    if (r == 0)
        r = check_choice("first", flags->first, "random", "strategy", fault);
    if (r == 0 && flags->candidates[0] != '\0' && strcmp(flags->candidates, "all") != 0)
        r = read_count("candidates", flags->candidates, 1000000, &plan->candidates, fault);
    if (r == 0 && strpbrk(flags->name, ",\"\n\r"))
        r = fd_fault_set(fault, -EINVAL, "", "--name stands in a CSV file: no commas or quotes");
    return r;
}

/* ---- arguments ---- */

/* The preset's flags come first, so that others change them. */
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
    r = fd_option_table_take(&table, &argc, all, &plan.flags, fault);
    if (r == 0)
        r = fd_options_read(argc, all, &plan.options, fault);
    if (r == 0 && plan.flags.table[0] == '\0')
        r = check(&plan, fault);
    if (r == 0 && plan.flags.table[0] == '\0')
        r = make_runs(&plan, fault);
    if (r == 0)
        r = fd_options_describe(&plan.options, without, &plan.described);
    if (r < 0)
        return r;
    *ret = plan;
    memset(&plan, 0, sizeof(plan));
    return 0;
}

void fd_plan_clear(fd_plan *plan) {
    fd_option_table_clear(&table, &plan->flags);
    fd_options_clear(&plan->options);
    free(plan->described);
    free(plan->runs);
    memset(plan, 0, sizeof(*plan));
}
