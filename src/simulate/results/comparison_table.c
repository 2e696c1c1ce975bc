/* Pairs the rows of a results file by split, teacher and seed, and prints their differences. */
#include "comparison_table.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "paired_differences.h"

/* What is compared, and the column of the length as its reward; RANK_LOSS counts from 1 down. */
static const struct {
    const char *title;
    fd_column column;
    fd_column length; /* FD_COLUMN_COUNT: none */
    double scale;
} measures[] = {
    {"Spearman's correlation within unseen prompts", FD_COLUMN_RANK_LOSS, FD_COLUMN_LENGTH_SPEARMAN,
     1},
    {"Spearman's correlation beyond the length of the response", FD_COLUMN_PARTIAL, FD_COLUMN_COUNT,
     1},
    {"share of best of N", FD_COLUMN_BEST_OF_N_SHARE, FD_COLUMN_LENGTH_BEST_OF_N_SHARE, 1},
    {"accuracy on unseen prompts", FD_COLUMN_ACCURACY, FD_COLUMN_LENGTH_ACCURACY, 1},
    {"log loss on unseen prompts", FD_COLUMN_LOG_LOSS, FD_COLUMN_LENGTH_LOG_LOSS, 1},
    {"cost in hours", FD_COLUMN_COST_SECONDS, FD_COLUMN_COUNT, 1.0 / 3600},
};

/* A row of the file with what it is sorted by. */
struct entry {
    const fd_results_row *row;
    char *group; /* all settings but those of the arm and the draw */
    char *arm;   /* LEARNER:STRATEGY */
    char *draw;  /* the reward and the split */
    unsigned long seed, round;
};

struct entries {
    size_t n;
    struct entry *all; /* [n] by group, arm, round, draw and seed */
};

static void entries_clear(struct entries *entries) {
    for (size_t i = 0; entries->all && i < entries->n; i++) {
        free(entries->all[i].group);
        free(entries->all[i].arm);
        free(entries->all[i].draw);
    }
    free(entries->all);
}

/* ---- sorting ---- */

/* Order within an arm; the same in both arms of a pair. */
static int by_place(const struct entry *x, const struct entry *y) {
    if (x->round != y->round)
        return x->round < y->round ? -1 : 1;
    int order = strcmp(x->draw, y->draw);
    return order != 0 ? order : (x->seed > y->seed) - (x->seed < y->seed);
}

static int compare_places(const void *a, const void *b) {
    return by_place(a, b);
}

static int compare_entries(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    int order = strcmp(x->group, y->group);
    if (order == 0)
        order = strcmp(x->arm, y->arm);
    return order != 0 ? order : by_place(x, y);
}

/* Every column from the mode to the last one before the learner, after data and kind of reward. */
static int describe_group(const fd_results_row *row, char **ret) {
    const char *const *fields = row->fields;
    size_t size;
    FILE *out = open_memstream(ret, &size);
    if (!out)
        return -ENOMEM;
    const char *reward = fields[FD_COLUMN_REWARD];
    (void)fprintf(out, "%s%s%s,%s,%.*s", fields[FD_COLUMN_DATA],
                  fields[FD_COLUMN_EMBEDDING][0] != '\0' ? "/" : "", fields[FD_COLUMN_EMBEDDING],
                  fields[FD_COLUMN_NAME], (int)strcspn(reward, ":"), reward);
    for (size_t i = FD_COLUMN_MODE; i < FD_COLUMN_LEARNER; i++)
        (void)fprintf(out, ",%s", fields[i]);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

static int make_entries(const fd_results *results, struct entries *ret) {
    ret->all = calloc(results->count + 1, sizeof(*ret->all));
    if (!ret->all)
        return -ENOMEM;
    for (; ret->n < results->count; ret->n++) {
        const fd_results_row *row = &results->rows[ret->n];
        struct entry *entry = &ret->all[ret->n];
        entry->row = row;
        entry->seed = strtoul(row->fields[FD_COLUMN_SEED], NULL, 10);
        entry->round = strtoul(row->fields[FD_COLUMN_ROUND], NULL, 10);
        if (describe_group(row, &entry->group) < 0 ||
            asprintf(&entry->arm, "%s:%s", row->fields[FD_COLUMN_LEARNER],
                     row->fields[FD_COLUMN_STRATEGY]) < 0 ||
            asprintf(&entry->draw, "%s %s", row->fields[FD_COLUMN_REWARD],
                     row->fields[FD_COLUMN_SPLIT]) < 0) {
            ret->n++;
            return -ENOMEM;
        }
    }
    qsort(ret->all, ret->n, sizeof(*ret->all), compare_entries);
    return 0;
}

static size_t end_of_group(const struct entries *entries, size_t begin, bool of_arm) {
    size_t end = begin + 1;
    const struct entry *first = &entries->all[begin];
    while (end < entries->n && strcmp(first->group, entries->all[end].group) == 0 &&
           (!of_arm || strcmp(first->arm, entries->all[end].arm) == 0))
        end++;
    return end;
}

/* ---- pairs ---- */

/* The rows of one arm. */
struct arm {
    const struct entry *entries; /* [n] */
    size_t n;
};

/* The rows of one table. */
struct group {
    const struct entries *entries;
    size_t begin, end;
    struct arm base;
    size_t rounds;
    bool by_teacher;       /* there are several: a unit is a teacher, over all its splits */
    fd_paired_value *room; /* for the pairs of one checkpoint */
};

static double value_of(const fd_results_row *row, fd_column column, double scale) {
    double value = scale * strtod(row->fields[column], NULL);
    return column == FD_COLUMN_RANK_LOSS ? 1 - value : value;
}

/* The differences of an arm at a round. With `length`, its values are those of the length. */
static fd_paired_difference compare_at(const struct group *group, const struct arm *arm,
                                       size_t round, size_t measure, bool length) {
    const struct arm *base = &group->base;
    double scale = measures[measure].scale;
    size_t n = 0;
    for (size_t i = 0; i < arm->n; i++) {
        const struct entry *entry = &arm->entries[i];
        const struct entry *other =
            bsearch(entry, base->entries, base->n, sizeof(*entry), compare_places);
        if (entry->round != round || !other)
            continue;
        fd_column column = length ? measures[measure].length : measures[measure].column;
        group->room[n++] = (fd_paired_value){
            group->by_teacher ? entry->row->fields[FD_COLUMN_REWARD] : entry->draw,
            value_of(entry->row, column, scale),
            value_of(other->row, measures[measure].column, scale)};
    }
    return fd_pair_differences(n, group->room);
}

static void print_cell(const fd_paired_difference *difference, bool is_base, FILE *out) {
    const fd_estimate *estimate = &difference->difference;
    if (difference->units == 0)
        (void)fputs(" - |", out);
    else if (is_base)
        (void)fprintf(out, " %.3f |", difference->mean);
    else if (isnan(estimate->low))
        (void)fprintf(out, " %.3f (%+.3f) |", difference->mean, estimate->value);
    else
        (void)fprintf(out, " %.3f (%+.3f [%+.3f, %+.3f]) |", difference->mean, estimate->value,
                      estimate->low, estimate->high);
}

static void print_line(const struct group *group, const char *name, const struct arm *arm,
                       size_t measure, bool length, FILE *out) {
    (void)fprintf(out, "| %s |", name);
    for (size_t round = 1; round <= group->rounds; round++) {
        fd_paired_difference difference = compare_at(group, arm, round, measure, length);
        print_cell(&difference, arm == &group->base && !length, out);
    }
    (void)fputc('\n', out);
}

/* ---- tables ---- */

static bool has_values(const struct group *group, size_t measure) {
    for (size_t i = 0; i < group->base.n; i++)
        if (isfinite(value_of(group->base.entries[i].row, measures[measure].column, 1)))
            return true;
    return false;
}

/* The answers at a round: the most of any run, since some runs may use up their pairs. */
static unsigned long labels_at(const struct group *group, size_t round) {
    unsigned long most = 0;
    for (size_t i = group->begin; i < group->end; i++) {
        const struct entry *entry = &group->entries->all[i];
        unsigned long labels = strtoul(entry->row->fields[FD_COLUMN_LABELS], NULL, 10);
        most = entry->round == round && labels > most ? labels : most;
    }
    return most;
}

static void print_heading(const struct group *group, size_t measure, FILE *out) {
    const char *const *fields = group->base.entries[0].row->fields;
    const char *reward = fields[FD_COLUMN_REWARD];
    fd_paired_difference all = compare_at(group, &group->base, group->rounds, measure, false);
    (void)fprintf(out, "\n%s%s%s, %.*s, %s, %s part, %s: %s, %zu %s\n\n| answers |",
                  fields[FD_COLUMN_DATA], fields[FD_COLUMN_EMBEDDING][0] != '\0' ? "/" : "",
                  fields[FD_COLUMN_EMBEDDING], (int)strcspn(reward, ":"), reward,
                  fields[FD_COLUMN_MODE], fields[FD_COLUMN_PART], fields[FD_COLUMN_ANNOTATORS],
                  measures[measure].title, all.units, group->by_teacher ? "teachers" : "splits");
    for (size_t round = 1; round <= group->rounds; round++)
        (void)fprintf(out, " %lu |", labels_at(group, round));
    (void)fputs("\n|---|", out);
    for (size_t round = 1; round <= group->rounds; round++)
        (void)fputs("---|", out);
    (void)fputc('\n', out);
}

static void print_measure(const struct group *group, size_t measure, FILE *out) {
    print_heading(group, measure, out);
    print_line(group, group->base.entries->arm, &group->base, measure, false, out);
    for (size_t begin = group->begin, end; begin < group->end; begin = end) {
        end = end_of_group(group->entries, begin, true);
        struct arm arm = {&group->entries->all[begin], end - begin};
        if (arm.entries != group->base.entries)
            print_line(group, arm.entries->arm, &arm, measure, false, out);
    }
    if (measures[measure].length != FD_COLUMN_COUNT)
        print_line(group, "length alone", &group->base, measure, true, out);
}

static bool has_several_teachers(const struct group *group) {
    for (size_t i = group->begin + 1; i < group->end; i++)
        if (strcmp(group->entries->all[i].row->fields[FD_COLUMN_REWARD],
                   group->entries->all[i - 1].row->fields[FD_COLUMN_REWARD]) != 0)
            return true;
    return false;
}

/* Returns whether the group has the base. */
static bool find_base(struct group *group, const char *base) {
    for (size_t begin = group->begin, end; begin < group->end; begin = end) {
        end = end_of_group(group->entries, begin, true);
        const struct entry *first = &group->entries->all[begin];
        if (strcmp(first->arm, base) != 0)
            continue;
        group->base = (struct arm){first, end - begin};
        group->rounds = strtoul(first->row->fields[FD_COLUMN_ROUNDS], NULL, 10);
        return true;
    }
    return false;
}

int fd_comparison_table_print(const fd_results *results, const char *base, FILE *out,
                              fd_fault *fault) {
    FD_CLEANUP(entries_clear) struct entries entries = {0};
    FD_FREE fd_paired_value *room = calloc(results->count + 1, sizeof(*room));
    size_t found = 0;
    int r = make_entries(results, &entries);
    if (r < 0 || !room)
        return -ENOMEM;
    (void)fprintf(out,
                  "Mean over splits and teachers (difference to %s [95 %% interval over them]).\n",
                  base);
    for (size_t begin = 0, end; begin < entries.n; begin = end) {
        end = end_of_group(&entries, begin, false);
        struct group group = {.entries = &entries, .begin = begin, .end = end, .room = room};
        if (!find_base(&group, base))
            continue;
        found++;
        group.by_teacher = has_several_teachers(&group);
        for (size_t measure = 0; measure < FD_LENGTH(measures); measure++)
            if (has_values(&group, measure))
                print_measure(&group, measure, out);
    }
    if (found == 0)
        return fd_fault_set(fault, -EINVAL, "",
                            "--compare: no run is of learner and strategy \"%.60s\"", base);
    return 0;
}
