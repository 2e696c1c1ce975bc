/* Learners are NAME:OPTION=VALUE;OPTION=VALUE, where "scores" is an option of the experiment. */
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

static const char scores_option[] = "scores=";

/* The shared arguments and those of one learner, "a=1;b=2", but its scores. NULL: no memory. */
static char **join_arguments(int argc, char **argv, char *own, const char **ret_scores) {
    char **all = calloc((size_t)argc + strlen(own) + 2, sizeof(*all));
    FD_CLEANUP(free_arguments) char **arguments = all;
    size_t n = 0;
    for (int i = 0; all && i < argc; i++)
        if (!(all[n++] = strdup(argv[i])))
            return NULL;
    for (char *option; all && (option = strsep(&own, ";"));) {
        if (strncmp(option, scores_option, strlen(scores_option)) == 0)
            *ret_scores = option + strlen(scores_option);
        else if (*option != '\0' && asprintf(&all[n++], "--%s", option) < 0) {
            all[n - 1] = NULL;
            return NULL;
        }
    }
    arguments = NULL;
    return all;
}

/* "name=value;…" of the options that matter. */
static int describe(fd_planned_learner *learner, const char *scores) {
    FD_FREE char *options = NULL;
    int r = fd_options_describe(&learner->options, omitted, &options);
    if (r < 0)
        return r;
    bool written = asprintf(&learner->described, "%s%s%s", options, scores ? ";scores=" : "",
                            scores ? scores : "") >= 0;
    if (!written)
        learner->described = NULL;
    return written ? 0 : -ENOMEM;
}

static int read_learner(fd_planned_learner *learner, int argc, char **argv, char *text,
                        fd_fault *fault) {
    char *own = strchr(text, ':');
    const char *scores = NULL;
    if (own)
        *own++ = '\0';
    learner->name = strdup(text);
    FD_CLEANUP(free_arguments)
    char **arguments = join_arguments(argc, argv, own ? own : text + strlen(text), &scores);
    if (!learner->name || !arguments)
        return -ENOMEM;
    if (learner->name[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--learners: a learner has no name");
    int n = 0;
    while (arguments[n])
        n++;
    fd_fault inner = {0};
    int r = fd_options_read(n, arguments, &learner->options, &inner);
    if (r == 0 && scores)
        r = fd_score_source_read(scores, &learner->scores, &inner);
    if (r < 0 && inner.detail[0] != '\0')
        (void)fd_fault_set(fault, r, "", "--learners %.60s: %.220s", learner->name, inner.detail);
    return r < 0 ? r : describe(learner, scores);
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
