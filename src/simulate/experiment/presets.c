/* The presets of `fisherd simulate`. */
#include "presets.h"

#include <errno.h>
#include <string.h>

/* The protocol of Shen, Sun and Ton, and the learner of their published code: no regularisation, no
 * early stopping, and a training from scratch in each round. */
static char *const paper[] = {
    "--name=paper",
    "--rewards=judge",
    "--strategies=random,entropy,maxdiff,xtx,coreset,batchbald,dopt,pa-dopt",
    "--modes=in_prompt,cross_prompt",
    "--batch-sizes=125,250,500,1000",
    "--widths=64,128",
    "--seeds=5",
    "--prompts=500",
    "--responses=10",
    "--candidates=20000",
    "--first=random",
    "--learn=train",
    "--contested=1",
    "--retrain=scratch",
    "--model=network",
    "--hidden-layers=3",
    "--hidden-width=64",
    "--components=0",
    "--iterations=1000",
    "--batch-size=0",
    "--patience=0",
    "--held-out=0",
    "--weight-decay=0",
    "--learning-rate=1e-3",
    "--copy-distance=0",
    "--prior-precision=1e-6",
    "--max-per-item=0",
    "--max-per-prompt=0",
};

/* From no answer on, as the daemon learns, over splits. */
static char *const evidence[] = {
    "--name=evidence",
    "--strategies=random,i-opt",
    "--splits=10",
    "--seeds=1",
    "--checkpoints=10,25,50,100,200,400,1000",
    "--batch-sizes=25",
    "--learn=daemon",
    "--first=strategy",
    "--rewards=auto",
};

static const struct {
    const char *name;
    char *const *flags;
    size_t count;
} presets[] = {
    {"", NULL, 0},
    {"paper", paper, FD_LENGTH(paper)},
    {"evidence", evidence, FD_LENGTH(evidence)},
};

int fd_preset_flags(const char *name, char *const **ret, size_t *ret_count, fd_fault *fault) {
    for (size_t i = 0; i < FD_LENGTH(presets); i++)
        if (strcmp(presets[i].name, name) == 0) {
            *ret = presets[i].flags;
            *ret_count = presets[i].count;
            return 0;
        }
    return fd_fault_set(fault, -EINVAL, "", "--preset takes paper or evidence, not \"%.60s\"",
                        name);
}
