/* Judges the stop advice by what twice the answers brought. */
#include "stop_table.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* The cases of one line. */
struct line {
    char *name;
    size_t cases, right_to_stop, advised, wrongly, missed;
    double fall;
};

struct lines {
    size_t n;
    struct line *all; /* [n] */
};

static void lines_clear(struct lines *lines) {
    for (size_t i = 0; lines->all && i < lines->n; i++)
        free(lines->all[i].name);
    free(lines->all);
}

static double value_of(const fd_results_row *row, fd_column column) {
    return strtod(row->fields[column], NULL);
}

/* The line of a row, which is added if it is new. NULL: no memory. */
static struct line *find_line(struct lines *lines, const fd_results_row *row) {
    const char *const *fields = row->fields;
    FD_FREE char *name = NULL;
    if (asprintf(&name, "%s%s%s | %.*s | %s:%s", fields[FD_COLUMN_DATA],
                 fields[FD_COLUMN_EMBEDDING][0] != '\0' ? "/" : "", fields[FD_COLUMN_EMBEDDING],
                 (int)strcspn(fields[FD_COLUMN_REWARD], ":"), fields[FD_COLUMN_REWARD],
                 fields[FD_COLUMN_LEARNER], fields[FD_COLUMN_STRATEGY]) < 0)
        return NULL;
    for (size_t i = 0; i < lines->n; i++)
        if (strcmp(lines->all[i].name, name) == 0)
            return &lines->all[i];
    lines->all[lines->n].name = FD_STEAL(name);
    return &lines->all[lines->n++];
}

static void add_case(struct line *line, const fd_results_row *row, const fd_results_row *later,
                     double below) {
    double fall = value_of(row, FD_COLUMN_LOG_LOSS) - value_of(later, FD_COLUMN_LOG_LOSS);
    bool advised = value_of(row, FD_COLUMN_STOP) > 0, right = fall < below;
    if (!isfinite(fall))
        return;
    line->cases++;
    line->fall += fall;
    line->right_to_stop += right;
    line->advised += advised;
    line->wrongly += advised && !right;
    line->missed += !advised && right;
}

/* The first later row of the run with twice the labels; NULL: none. */
static const fd_results_row *find_double(const fd_results *results, size_t i) {
    double labels = value_of(&results->rows[i], FD_COLUMN_LABELS);
    for (size_t j = i + 1; j < results->count; j++) {
        if (!fd_results_same_run(&results->rows[i], &results->rows[j]))
            return NULL;
        if (value_of(&results->rows[j], FD_COLUMN_LABELS) >= 2 * labels)
            return labels > 0 ? &results->rows[j] : NULL;
    }
    return NULL;
}

int fd_stop_table_print(const fd_results *results, double below, FILE *out) {
    FD_CLEANUP(lines_clear)
    struct lines lines = {0, calloc(results->count + 1, sizeof(struct line))};
    if (!lines.all)
        return -ENOMEM;
    for (size_t i = 0; i < results->count; i++) {
        const fd_results_row *later = find_double(results, i);
        if (!later)
            continue;
        struct line *line = find_line(&lines, &results->rows[i]);
        if (!line)
            return -ENOMEM;
        add_case(line, &results->rows[i], later, below);
    }
    (void)fprintf(
        out,
        "To stop is right where twice the answers lower the log loss on unseen prompts "
        "by less than %g.\n\n| data | answers follow | learner | cases | right to stop | "
        "advised | of these wrong | missed | mean fall |\n|---|---|---|---|---|---|---|---"
        "|---|\n",
        below);
    for (size_t i = 0; i < lines.n; i++) {
        const struct line *line = &lines.all[i];
        (void)fprintf(out, "| %s | %zu | %zu | %zu | %zu | %zu | %.4f |\n", line->name, line->cases,
                      line->right_to_stop, line->advised, line->wrongly, line->missed,
                      line->fall / (double)line->cases);
    }
    return 0;
}
