/* Groups the rows of a results file into learning curves. */
#include "curve_groups.h"

#include <errno.h>
#include <string.h>

/* Settings that every title has, and settings that it has if groups differ in them. */
static const fd_column always[] = {FD_COLUMN_DATA, FD_COLUMN_REWARD, FD_COLUMN_MODE};
static const struct {
    fd_column column;
    const char *name;
} sometimes[] = {
    {FD_COLUMN_EMBEDDING, "embedding"},
    {FD_COLUMN_LEARNER, "learner"},
    {FD_COLUMN_PART, "part"},
    {FD_COLUMN_TEST_SHARE, "test share"},
    {FD_COLUMN_BATCH, "batch"},
    {FD_COLUMN_WIDTH, "width"},
    {FD_COLUMN_ROUNDS, "rounds"},
    {FD_COLUMN_CHECKPOINTS, "checkpoints"},
    {FD_COLUMN_LEARN, "learn"},
    {FD_COLUMN_PROMPTS, "prompts"},
    {FD_COLUMN_RESPONSES, "responses"},
    {FD_COLUMN_CANDIDATES, "candidates"},
    {FD_COLUMN_ANNOTATORS, "annotators"},
    {FD_COLUMN_NOISE, "noise"},
    {FD_COLUMN_NOISE_UNIT, "noise unit"},
    {FD_COLUMN_TIES, "ties"},
    {FD_COLUMN_REDUNDANCY, "redundancy"},
    {FD_COLUMN_CONTROL_SHARE, "control share"},
    {FD_COLUMN_STALE, "stale"},
    {FD_COLUMN_PENDING_AWARE, "pending-aware"},
    {FD_COLUMN_FIRST, "first"},
};

void fd_curve_groups_clear(fd_curve_groups *groups) {
    for (size_t g = 0; g < groups->count; g++) {
        fd_curve_group *group = &groups->groups[g];
        for (size_t a = 0; a < group->n_arms; a++) {
            for (size_t i = 0; group->arms[a].values && i < group->arms[a].n_runs; i++)
                free(group->arms[a].values[i]);
            free(group->arms[a].values);
            free(group->arms[a].runs);
        }
        free(group->arms);
        free(group->labels);
    }
    free(groups->groups);
    memset(groups, 0, sizeof(*groups));
}

static bool same_to(const fd_results_row *a, const fd_results_row *b, fd_column last) {
    size_t length = (size_t)(a->fields[last + 1] - a->text);
    return length == (size_t)(b->fields[last + 1] - b->text) &&
           memcmp(a->line, b->line, length) == 0;
}

/* The end of the rows that are equal up to a column; the rows are sorted. */
static size_t end_of(const fd_results *results, size_t begin, fd_column last) {
    size_t end = begin + 1;
    while (end < results->count && same_to(&results->rows[begin], &results->rows[end], last))
        end++;
    return end;
}

static int fill_arm(const fd_results *results, size_t begin, size_t end, size_t rounds,
                    fd_arm *arm) {
    arm->strategy = results->rows[begin].fields[FD_COLUMN_STRATEGY];
    size_t n = (end - begin) / rounds;
    arm->runs = calloc(n, sizeof(*arm->runs));
    arm->values = calloc(n, sizeof(*arm->values));
    if (!arm->runs || !arm->values)
        return -ENOMEM;
    for (arm->n_runs = 0; arm->n_runs < n; arm->n_runs++) {
        const fd_results_row *run = &results->rows[begin + arm->n_runs * rounds];
        double *values = calloc(rounds, sizeof(*values));
        if (!values)
            return -ENOMEM;
        for (size_t t = 0; t < rounds; t++)
            values[t] = 1 - strtod(run[t].fields[FD_COLUMN_RANK_LOSS], NULL);
        arm->runs[arm->n_runs] = run;
        arm->values[arm->n_runs] = values;
    }
    return 0;
}

static int fill_group(const fd_results *results, size_t begin, size_t end, fd_curve_group *group) {
    group->settings = &results->rows[begin];
    group->rounds = strtoul(group->settings->fields[FD_COLUMN_ROUNDS], NULL, 10);
    group->labels = calloc(group->rounds, sizeof(*group->labels));
    group->arms = calloc(end - begin, sizeof(*group->arms));
    if (!group->labels || !group->arms)
        return -ENOMEM;
    for (size_t t = 0; t < group->rounds; t++)
        group->labels[t] = strtod(results->rows[begin + t].fields[FD_COLUMN_LABELS], NULL);
    for (size_t next; begin < end; begin = next) {
        next = end_of(results, begin, FD_COLUMN_STRATEGY);
        int r = fill_arm(results, begin, next, group->rounds, &group->arms[group->n_arms++]);
        if (r < 0)
            return r;
    }
    return 0;
}

int fd_curve_groups_of(const fd_results *results, fd_curve_groups *ret) {
    FD_CLEANUP(fd_curve_groups_clear) fd_curve_groups groups = {0};
    groups.groups = calloc(results->count + 1, sizeof(*groups.groups));
    if (!groups.groups)
        return -ENOMEM;
    for (size_t begin = 0, end; begin < results->count; begin = end) {
        end = end_of(results, begin, FD_COLUMN_OPTIONS);
        int r = fill_group(results, begin, end, &groups.groups[groups.count++]);
        if (r < 0)
            return r;
    }
    *ret = groups;
    memset(&groups, 0, sizeof(groups));
    return 0;
}

const fd_arm *fd_curve_group_find(const fd_curve_group *group, const char *strategy) {
    for (size_t a = 0; a < group->n_arms; a++)
        if (strcmp(group->arms[a].strategy, strategy) == 0)
            return &group->arms[a];
    return NULL;
}

fd_curves fd_arm_curves(const fd_curve_group *group, const fd_arm *arm) {
    return (fd_curves){arm->n_runs, group->rounds, group->labels,
                       (const double *const *)arm->values};
}

/* ---- titles ---- */

static bool differs(const fd_curve_groups *groups, fd_column column) {
    for (size_t g = 1; g < groups->count; g++)
        if (strcmp(groups->groups[g].settings->fields[column],
                   groups->groups[0].settings->fields[column]) != 0)
            return true;
    return false;
}

/* Whether every group has this entry in its list of options. */
static bool is_common(const fd_curve_groups *groups, const char *entry, size_t length) {
    for (size_t g = 0; g < groups->count; g++) {
        const char *options = groups->groups[g].settings->fields[FD_COLUMN_OPTIONS];
        const char *at = options;
        while ((at = strstr(at, entry)) != NULL &&
               ((at != options && at[-1] != ';') || (at[length] != ';' && at[length] != '\0')))
            at++;
        if (!at)
            return false;
    }
    return true;
}

static int print_options(const fd_curve_groups *groups, const char *options, FILE *out) {
    FD_FREE char *copy = strdup(options);
    if (!copy)
        return -ENOMEM;
    char *rest = copy;
    for (char *entry; (entry = strsep(&rest, ";"));)
        if (!is_common(groups, entry, strlen(entry)))
            (void)fprintf(out, ", %s", entry);
    return 0;
}

int fd_curve_group_title(const fd_curve_groups *groups, size_t index, char **ret) {
    const fd_results_row *row = groups->groups[index].settings;
    size_t size;
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return -ENOMEM;
    const char *name = row->fields[FD_COLUMN_NAME];
    (void)fprintf(out, "%s%s", name, name[0] != '\0' ? ": " : "");
    for (size_t i = 0; i < FD_LENGTH(always); i++)
        (void)fprintf(out, "%s%s", i > 0 ? ", " : "", row->fields[always[i]]);
    for (size_t i = 0; i < FD_LENGTH(sometimes); i++)
        if (differs(groups, sometimes[i].column))
            (void)fprintf(out, ", %s %s", sometimes[i].name, row->fields[sometimes[i].column]);
    int r = print_options(groups, row->fields[FD_COLUMN_OPTIONS], out);
    if (fclose(out) != 0)
        return -ENOMEM;
    if (r < 0) {
        free(*ret);
        *ret = NULL;
    }
    return r;
}
