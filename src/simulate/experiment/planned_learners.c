/* Learners are NAME:OPTION=VALUE;OPTION=VALUE, where "scores" and "better-length" are options of
 * the experiment. */
#include "planned_learners.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "flag_values.h"

/* Options that no run depends on, or that the plan sets itself. */
static const char *const omitted[] = {"db",
                                      "listen",
                                      "config",
                                      "log-level",
                                      "strategy",
                                      "objective",
                                      "score-metadata",
                                      "prompt-dimension",
                                      "candidates",
                                      "ready",
                                      "lease-seconds",
                                      "redundancy",
                                      "redundancy-share",
                                      "max-skips",
                                      "control-fraction",
                                      "hidden-width",
                                      "refit",
                                      "retrain-seconds",
                                      "seed",
                                      "connections",
                                      "threads",
                                      "idle-seconds",
                                      "request-seconds",
                                      "blas-kernels",
                                      "models-kept",
                                      NULL};

static void free_arguments(char ***arguments) {
    for (size_t i = 0; *arguments && (*arguments)[i]; i++)
        free((*arguments)[i]);
    free(*arguments);
}

/* What a learner is told before any answer; NULL: nothing. */
struct knowledge {
    const char *scores;
    const char *better_length;
};

/* The value of "NAME=VALUE"; NULL for another name. */
static const char *value_of(const char *option, const char *name) {
    size_t length = strlen(name);
    return strncmp(option, name, length) == 0 && option[length] == '=' ? option + length + 1 : NULL;
}

static bool is_knowledge(const char *option, struct knowledge *ret) {
    const char *scores = value_of(option, "scores"), *better = value_of(option, "better-length");
    ret->scores = scores ? scores : ret->scores;
    ret->better_length = better ? better : ret->better_length;
    return scores || better;
}

/* The shared arguments and those of one learner, "a=1;b=2", but what it is told. NULL: no memory.
 */
static char **join_arguments(int argc, char **argv, char *own, struct knowledge *ret) {
    char **all = calloc((size_t)argc + strlen(own) + 2, sizeof(*all));
    FD_CLEANUP(free_arguments) char **arguments = all;
    size_t n = 0;
    for (int i = 0; all && i < argc; i++)
        if (!(all[n++] = strdup(argv[i])))
            return NULL;
    for (char *option; all && (option = strsep(&own, ";"));) {
        if (!is_knowledge(option, ret) && *option != '\0' &&
            asprintf(&all[n++], "--%s", option) < 0) {
            all[n - 1] = NULL;
            return NULL;
        }
    }
    arguments = NULL;
    return all;
}

/* "name=value;…" of the options that matter. */
static int describe(fd_planned_learner *learner, const struct knowledge *knowledge) {
    const char *scores = knowledge->scores, *better = knowledge->better_length;
    FD_FREE char *options = NULL;
    int r = fd_options_describe(&learner->options, omitted, &options);
    if (r < 0)
        return r;
    bool written =
        asprintf(&learner->described, "%s%s%s%s%s", options, scores ? ";scores=" : "",
                 scores ? scores : "", better ? ";better-length=" : "", better ? better : "") >= 0;
    if (!written)
        learner->described = NULL;
    return written ? 0 : -ENOMEM;
}

static int read_better_length(const char *text, fd_better_length *ret, fd_fault *fault) {
    for (int i = 0; fd_better_length_names[i]; i++)
        if (strcmp(text, fd_better_length_names[i]) == 0) {
            *ret = (fd_better_length)i;
            return 0;
        }
    return fd_fault_set(fault, -EINVAL, "",
                        "better-length takes unknown, longer or shorter, not "
                        "\"%.60s\"",
                        text);
}

static int read_learner(fd_planned_learner *learner, int argc, char **argv, char *text,
                        fd_fault *fault) {
    char *own = strchr(text, ':');
    struct knowledge knowledge = {0};
    if (own)
        *own++ = '\0';
    learner->name = strdup(text);
    FD_CLEANUP(free_arguments)
    char **arguments = join_arguments(argc, argv, own ? own : text + strlen(text), &knowledge);
    if (!learner->name || !arguments)
        return -ENOMEM;
    if (learner->name[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--learners: a learner has no name");
    int n = 0;
    while (arguments[n])
        n++;
    fd_fault inner = {0};
    int r = fd_options_read(n, arguments, &learner->options, &inner);
    if (r == 0 && knowledge.scores)
        r = fd_score_source_read(knowledge.scores, &learner->scores, &inner);
    if (r == 0 && knowledge.better_length)
        r = read_better_length(knowledge.better_length, &learner->better_length, &inner);
    if (r < 0 && inner.detail[0] != '\0')
        (void)fd_fault_set(fault, r, "", "--learners %.60s: %.220s", learner->name, inner.detail);
    return r < 0 ? r : describe(learner, &knowledge);
}

int fd_plan_read_learners(fd_plan *plan, int argc, char **argv, fd_fault *fault) {
    FD_CLEANUP(fd_flag_list_clear) fd_flag_list list = {0};
    int r = fd_flag_list_split("learners", plan->flags.learners, &list, fault);
    if (r < 0)
        return r;
    plan->learners = calloc(list.count, sizeof(*plan->learners));
    if (!plan->learners)
        return -ENOMEM;
    for (; r == 0 && plan->n_learners < list.count; plan->n_learners++)
        r = read_learner(&plan->learners[plan->n_learners], argc, argv,
                         list.entries[plan->n_learners], fault);
    return r;
}

void fd_plan_clear_learners(fd_plan *plan) {
    for (size_t i = 0; i < plan->n_learners; i++) {
        free(plan->learners[i].name);
        fd_options_clear(&plan->learners[i].options);
        free(plan->learners[i].described);
    }
    free(plan->learners);
}
