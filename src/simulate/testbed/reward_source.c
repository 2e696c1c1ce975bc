/* Reads the names of reward sources, and makes their rewards. */
#include "reward_source.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "teacher.h"

enum { SEEDS_MOST = 1000 };

static const struct {
    const char *name;
    bool seeded;
} kinds[] = {
    [FD_REWARD_AUTO] = {"auto", false},    [FD_REWARD_JUDGE] = {"judge", false},
    [FD_REWARD_VOTES] = {"votes", false},  [FD_REWARD_TEACHER] = {"teacher", false},
    [FD_REWARD_SUM] = {"sum", false},      [FD_REWARD_NETWORK] = {"network", true},
    [FD_REWARD_LINEAR] = {"linear", true},
};

static int refuse(const char *text, fd_fault *fault) {
    return fd_fault_set(fault, -EINVAL, "",
                        "--rewards takes auto, judge, votes, teacher, sum, network:SEED and "
                        "linear:SEED (or FIRST-LAST), not \"%.60s\"",
                        text);
}

/* Reads "3" or "1-10". */
static bool read_seeds(const char *text, uint64_t *first, uint64_t *last) {
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    *first = *last = strtoull(text, &end, 10);
    if (*end == '-' && isdigit((unsigned char)end[1]))
        *last = strtoull(end + 1, &end, 10);
    return *end == '\0' && *first <= *last && *last - *first < SEEDS_MOST;
}

int fd_reward_sources_read(const char *text,
                           int (*visit)(void *context, const fd_reward_source *source),
                           void *context, fd_fault *fault) {
    size_t length = strcspn(text, ":"), kind = 0;
    while (kind < FD_LENGTH(kinds) &&
           (strlen(kinds[kind].name) != length || strncmp(kinds[kind].name, text, length) != 0))
        kind++;
    uint64_t first = 0, last = 0;
    if (kind == FD_LENGTH(kinds) || kinds[kind].seeded != (text[length] == ':') ||
        (kinds[kind].seeded && !read_seeds(text + length + 1, &first, &last)))
        return refuse(text, fault);
    int r = 0;
    for (uint64_t seed = first; r == 0 && seed <= last; seed++)
        r = visit(context, &(fd_reward_source){(fd_reward_kind)kind, seed});
    return r;
}

void fd_reward_source_name(const fd_reward_source *source, char name[FD_REWARD_NAME_SIZE]) {
    int length = snprintf(name, FD_REWARD_NAME_SIZE, "%s", kinds[source->kind].name);
    if (kinds[source->kind].seeded)
        (void)snprintf(name + length, FD_REWARD_NAME_SIZE - (size_t)length, ":%" PRIu64,
                       source->seed);
}

fd_reward_source fd_reward_source_for(const fd_testbed *testbed, fd_reward_source source) {
    if (source.kind == FD_REWARD_AUTO)
        source.kind = testbed->votes.n_pairs > 0 ? FD_REWARD_VOTES : FD_REWARD_JUDGE;
    return source;
}

/* ---- the rewards ---- */

static int check(const fd_testbed *testbed, fd_reward_kind kind, fd_fault *fault) {
    bool needs_golden = kind == FD_REWARD_JUDGE || kind == FD_REWARD_SUM;
    if (needs_golden && !testbed->golden)
        return fd_fault_set(fault, -EINVAL, "", "--rewards %s: %s has no golden rewards",
                            kinds[kind].name, testbed->name);
    if (kind == FD_REWARD_VOTES && testbed->votes.n_pairs == 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "--rewards votes: %s has no votes; --labels names "
                            "a file of them",
                            testbed->name);
    return 0;
}

static int add_teacher(const fd_testbed *testbed, const fd_reward_source *source, double *rewards) {
    switch (source->kind) {
    case FD_REWARD_TEACHER:
    case FD_REWARD_SUM:
        return fd_teacher_rewards(testbed, FD_TEACHER_NETWORK, 1, rewards);
    case FD_REWARD_NETWORK:
        return fd_teacher_rewards(testbed, FD_TEACHER_NETWORK, source->seed, rewards);
    case FD_REWARD_LINEAR:
        return fd_teacher_rewards(testbed, FD_TEACHER_LINEAR, source->seed, rewards);
    case FD_REWARD_AUTO:
    case FD_REWARD_JUDGE:
    case FD_REWARD_VOTES:
        return 0;
    }
    return -EINVAL;
}

int fd_reward_source_values(const fd_testbed *testbed, const fd_reward_source *source, double **ret,
                            fd_fault *fault) {
    *ret = NULL;
    int r = check(testbed, source->kind, fault);
    if (r < 0 || (source->kind == FD_REWARD_VOTES && !testbed->golden))
        return r;
    FD_FREE double *rewards = calloc(testbed->n_items + 1, sizeof(*rewards));
    if (!rewards)
        return -ENOMEM;
    r = add_teacher(testbed, source, rewards);
    if (r < 0)
        return r;
    bool judged = source->kind == FD_REWARD_JUDGE || source->kind == FD_REWARD_VOTES ||
                  source->kind == FD_REWARD_SUM;
    for (size_t i = 0; judged && i < testbed->n_items; i++)
        rewards[i] += testbed->golden[i];
    *ret = FD_STEAL(rewards);
    return 0;
}
