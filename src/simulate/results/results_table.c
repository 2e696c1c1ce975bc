/* Prints the table that compares strategies. */
#include "results_table.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const bases[] = {"random", "pa-dopt"};

enum { BASES = FD_LENGTH(bases), CELL = 56 };

/* An arm to compare with, possibly of another group. */
struct base {
    const fd_curve_group *group;
    const fd_arm *arm; /* NULL: none */
};

struct paired {
    size_t n;
    const double **values;
    const double **base;
};

static void paired_clear(struct paired *paired) {
    free(paired->values);
    free(paired->base);
}

static bool same_draws(const fd_results_row *a, const fd_results_row *b) {
    return strcmp(a->fields[FD_COLUMN_SPLIT], b->fields[FD_COLUMN_SPLIT]) == 0 &&
           strcmp(a->fields[FD_COLUMN_SEED], b->fields[FD_COLUMN_SEED]) == 0;
}

/* The runs of both arms with the same splits and seeds. */
static int pair_up(const fd_arm *arm, const fd_arm *base, struct paired *ret) {
    ret->values = calloc(arm->n_runs + 1, sizeof(*ret->values));
    ret->base = calloc(arm->n_runs + 1, sizeof(*ret->base));
    if (!ret->values || !ret->base)
        return -ENOMEM;
    for (size_t i = 0; i < arm->n_runs; i++)
        for (size_t j = 0; j < base->n_runs; j++)
            if (same_draws(arm->runs[i], base->runs[j])) {
                ret->values[ret->n] = arm->values[i];
                ret->base[ret->n++] = base->values[j];
            }
    return 0;
}

static void format(const fd_estimate *estimate, int sign, char text[CELL]) {
    const char *number = sign ? "%+.3f" : "%.2f";
    char value[16], low[16], high[16];
    (void)snprintf(value, sizeof(value), number, estimate->value);
    (void)snprintf(low, sizeof(low), number, estimate->low);
    (void)snprintf(high, sizeof(high), number, estimate->high);
    if (isnan(estimate->low))
        (void)snprintf(text, CELL, "%s", value);
    else
        (void)snprintf(text, CELL, "%s [%s, %s]", value, low, high);
}

/* Compares an arm with a base. The texts are "-" for the base itself and without a base. */
static int compare(const fd_curve_group *group, const fd_arm *arm, const struct base *base,
                   char area[CELL], char saving[CELL]) {
    FD_CLEANUP(paired_clear) struct paired paired = {0};
    (void)snprintf(area, CELL, "-");
    (void)snprintf(saving, CELL, "-");
    if (!base->arm || base->arm == arm)
        return 0;
    int r = pair_up(arm, base->arm, &paired);
    if (r < 0 || paired.n == 0)
        return r;
    fd_curves curves = {paired.n, group->rounds, group->labels, paired.values};
    fd_curves against = {paired.n, base->group->rounds, base->group->labels, paired.base};
    fd_strategy_comparison comparison;
    r = fd_compare_strategies(&curves, &against, &comparison);
    if (r < 0)
        return r;
    format(&comparison.area, true, area);
    format(&comparison.saving, false, saving);
    return 0;
}

static struct base find_against(const fd_curve_groups *groups, const fd_curve_group *group,
                                const char *against) {
    static const fd_column same[] = {FD_COLUMN_DATA, FD_COLUMN_EMBEDDING, FD_COLUMN_REWARD,
                                     FD_COLUMN_MODE};
    struct base base = {0};
    size_t length = against ? strcspn(against, ":") : 0;
    for (size_t g = 0; against && g < groups->count && !base.arm; g++) {
        const char *const *fields = groups->groups[g].settings->fields;
        const char *name = fields[FD_COLUMN_NAME];
        bool matches = strlen(name) == length && strncmp(name, against, length) == 0;
        for (size_t i = 0; i < FD_LENGTH(same); i++)
            matches = matches && strcmp(fields[same[i]], group->settings->fields[same[i]]) == 0;
        base.group = &groups->groups[g];
        if (matches && against[length] == ':')
            base.arm = fd_curve_group_find(base.group, against + length + 1);
    }
    return base;
}

static int print_arm(const fd_curve_groups *groups, const fd_curve_group *group, const fd_arm *arm,
                     const char *against, FILE *out) {
    char areas[BASES + 1][CELL], savings[BASES + 1][CELL];
    fd_curves curves = fd_arm_curves(group, arm);
    FD_FREE double *mean = calloc(group->rounds + 1, sizeof(*mean));
    if (!mean)
        return -ENOMEM;
    double area = fd_curves_mean(&curves, mean);
    for (size_t b = 0; b <= BASES; b++) {
        struct base base = b < BASES ? (struct base){group, fd_curve_group_find(group, bases[b])}
                                     : find_against(groups, group, against);
        int r = compare(group, arm, &base, areas[b], savings[b]);
        if (r < 0)
            return r;
    }
    (void)fprintf(out, "  %-10s %5zu  %6.3f  %6.3f", arm->strategy, arm->n_runs, area,
                  mean[group->rounds - 1]);
    for (size_t b = 0; b < BASES; b++)
        (void)fprintf(out, "  %-24s", areas[b]);
    for (size_t b = 0; b < BASES + (against != NULL); b++)
        (void)fprintf(out, "  %-24s", savings[b]);
    (void)fputc('\n', out);
    return 0;
}

static void print_heading(const char *against, FILE *out) {
    (void)fprintf(out, "  %-10s %5s  %6s  %6s  %-24s  %-24s  %-24s  %-24s", "strategy", "runs",
                  "area", "last", "area less random's", "area less pa-dopt's",
                  "saved against random", "saved against pa-dopt");
    if (against)
        (void)fprintf(out, "  saved against %s", against);
    (void)fputc('\n', out);
}

int fd_results_table_print(const fd_curve_groups *groups, const char *against, FILE *out) {
    (void)fputs(
        "Spearman correlation within held-out prompts: area under the curve (mean over "
        "rounds) and last value,\nwith 95 % intervals over splits and seeds; labels saved are those "
        "that the other needs for its last value,\nfor each that this one needs to reach "
        "it (0.00: it does not).\n",
        out);
    for (size_t g = 0; g < groups->count; g++) {
        const fd_curve_group *group = &groups->groups[g];
        FD_FREE char *title = NULL;
        int r = fd_curve_group_title(groups, g, &title);
        if (r < 0)
            return r;
        (void)fprintf(out, "\n%s, %.0f labels\n", title, group->labels[group->rounds - 1]);
        print_heading(against, out);
        for (size_t a = 0; a < group->n_arms && r == 0; a++)
            r = print_arm(groups, group, &group->arms[a], against, out);
        if (r < 0)
            return r;
    }
    return 0;
}
