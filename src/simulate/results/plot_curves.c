/* Draws learning curves with gnuplot. */
#include "plot_curves.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "gnuplot.h"

enum { PANEL_WIDTH = 640, PANEL_HEIGHT = 400, NAME_SIZE = 160 };

/* Settings that figures compare, and the names of their files. */
static const struct {
    fd_column column;
    const char *file;
    const char *label;
} axes[] = {
    {FD_COLUMN_BATCH, "batch-sizes", "batch "},
    {FD_COLUMN_MODE, "modes", ""},
    {FD_COLUMN_WIDTH, "widths", "width "},
};

/* The panels of one figure, which share their scale. */
struct figure {
    size_t n_panels;
    const fd_curve_group **panels; /* [n_panels] */
    char **titles;                 /* [n_panels] */
    double low, high;
};

static void figure_clear(struct figure *figure) {
    for (size_t i = 0; figure->titles && i < figure->n_panels; i++)
        free(figure->titles[i]);
    free(figure->titles);
    free(figure->panels);
}

/* ---- one figure ---- */

/* gnuplot has eight colours of its own; there are more strategies. */
static const char *const colours[] = {"#555555", "#009e73", "#cc79a7", "#a6761d", "#7fbf3f",
                                      "#e69f00", "#0072b2", "#66a5ad", "#984ea3", "#f781bf",
                                      "#b2b200", "#56b4e9", "#1b4f3a", "#d55e00"};

static void print_colours(FILE *script) {
    for (size_t i = 0; i < FD_LENGTH(colours); i++)
        (void)fprintf(script, "set linetype %zu lc rgb '%s'\n", i + 1, colours[i]);
}

/* A strategy has the same colour in all figures. */
static size_t colour_of(const char *strategy) {
    size_t i = 0;
    while (i < fi_strategy_count() && strcmp(fi_strategy_at(i)->name, strategy) != 0)
        i++;
    return i + 1;
}

/* Half of the 95 % interval of the mean, by the normal approximation. */
static double half_width(const fd_arm *arm, size_t round, double mean) {
    double squares = 0, n = (double)arm->n_runs;
    for (size_t i = 0; i < arm->n_runs; i++)
        squares += (arm->values[i][round] - mean) * (arm->values[i][round] - mean);
    return n < 2 ? 0 : 1.96 * sqrt(squares / (n - 1) / n);
}

static int print_data(struct figure *figure, size_t panel, FILE *script) {
    const fd_curve_group *group = figure->panels[panel];
    FD_FREE double *mean = calloc(group->rounds + 1, sizeof(*mean));
    if (!mean)
        return -ENOMEM;
    for (size_t a = 0; a < group->n_arms; a++) {
        const fd_arm *arm = &group->arms[a];
        fd_curves curves = fd_arm_curves(group, arm);
        fd_curves_mean(&curves, mean);
        (void)fprintf(script, "$p%zua%zu << EOD\n", panel, a);
        for (size_t t = 0; t < group->rounds; t++) {
            double half = half_width(arm, t, mean[t]);
            (void)fprintf(script, "%g %.6f %.6f %.6f\n", group->labels[t], mean[t], mean[t] - half,
                          mean[t] + half);
            figure->low = fmin(figure->low, mean[t] - half);
            figure->high = fmax(figure->high, mean[t] + half);
        }
        (void)fputs("EOD\n", script);
    }
    return 0;
}

static void print_panel(const struct figure *figure, size_t panel, FILE *script) {
    const fd_curve_group *group = figure->panels[panel];
    (void)fputs("set title ", script);
    fd_gnuplot_print_text(script, figure->titles[panel]);
    (void)fputs("\nplot ", script);
    for (size_t a = 0; a < group->n_arms; a++) {
        size_t colour = colour_of(group->arms[a].strategy);
        (void)fprintf(script,
                      "%s$p%zua%zu using 1:3:4 with filledcurves fs transparent solid 0.15 lt %zu "
                      "notitle, '' using 1:2 with linespoints lw 2 ps 0.4 lt %zu title ",
                      a > 0 ? ", " : "", panel, a, colour, colour);
        fd_gnuplot_print_text(script, group->arms[a].strategy);
    }
    (void)fputc('\n', script);
}

static int print_figure(struct figure *figure, const char *name, FILE *script) {
    figure->low = INFINITY;
    figure->high = -INFINITY;
    for (size_t i = 0; i < figure->n_panels; i++) {
        int r = print_data(figure, i, script);
        if (r < 0)
            return r;
    }
    print_colours(script);
    double margin = 0.02 + 0.05 * (figure->high - figure->low);
    (void)fprintf(script,
                  "set terminal svg size %zu,%d noenhanced background 'white' font 'sans,12'\n"
                  "set output '%s.svg'\n"
                  "set xlabel 'labels'\nset ylabel 'Spearman correlation within prompts'\n"
                  "set key outside right center\nset grid\nset yrange [%g:%g]\n"
                  "set multiplot layout 1,%zu\n",
                  figure->n_panels * PANEL_WIDTH, PANEL_HEIGHT, name, figure->low - margin,
                  figure->high + margin, figure->n_panels);
    for (size_t i = 0; i < figure->n_panels; i++)
        print_panel(figure, i, script);
    (void)fputs("unset multiplot\n", script);
    return 0;
}

static int draw(struct figure *figure, const char *folder, const char *name, fd_fault *fault) {
    FILE *script;
    int r = fd_gnuplot_open(folder, name, &script, fault);
    if (r < 0)
        return r;
    r = print_figure(figure, name, script);
    if (r == 0)
        return fd_gnuplot_draw(folder, name, script, fault);
    (void)fclose(script);
    return r;
}

/* ---- which figures ---- */

static bool same_but(const fd_curve_group *a, const fd_curve_group *b, fd_column axis) {
    for (fd_column i = 0; i <= FD_COLUMN_OPTIONS; i++)
        if (i != axis && strcmp(a->settings->fields[i], b->settings->fields[i]) != 0)
            return false;
    return true;
}

static bool is_first(const fd_curve_groups *groups, size_t index, fd_column axis) {
    for (size_t g = 0; g < index; g++)
        if (same_but(&groups->groups[g], &groups->groups[index], axis))
            return false;
    return true;
}

/* A number makes the name unique if earlier groups have the same reward and mode. */
static void name_of(const fd_curve_groups *groups, size_t index, const char *kind, bool with_mode,
                    char name[NAME_SIZE]) {
    const char *const *fields = groups->groups[index].settings->fields;
    size_t earlier = 0;
    for (size_t g = 0; g < index; g++) {
        const char *const *other = groups->groups[g].settings->fields;
        earlier += strcmp(fields[FD_COLUMN_REWARD], other[FD_COLUMN_REWARD]) == 0 &&
                   (!with_mode || strcmp(fields[FD_COLUMN_MODE], other[FD_COLUMN_MODE]) == 0);
    }
    int length = snprintf(name, NAME_SIZE, "%s-%.20s%s%.20s", kind, fields[FD_COLUMN_REWARD],
                          with_mode ? "-" : "", with_mode ? fields[FD_COLUMN_MODE] : "");
    if (earlier > 0)
        (void)snprintf(name + length, NAME_SIZE - (size_t)length, "-%zu", earlier + 1);
}

static int add_panel(struct figure *figure, const fd_curve_group *group, char *title) {
    if (!title)
        return -ENOMEM;
    figure->panels[figure->n_panels] = group;
    figure->titles[figure->n_panels++] = title;
    return 0;
}

static int reserve(struct figure *figure, size_t n) {
    figure->panels = calloc(n, sizeof(*figure->panels));
    figure->titles = calloc(n, sizeof(*figure->titles));
    return figure->panels && figure->titles ? 0 : -ENOMEM;
}

static int draw_curves(const fd_curve_groups *groups, size_t index, const char *folder,
                       fd_fault *fault) {
    FD_CLEANUP(figure_clear) struct figure figure = {0};
    char name[NAME_SIZE];
    char *title = NULL;
    int r = reserve(&figure, 1);
    if (r == 0)
        r = fd_curve_group_title(groups, index, &title);
    if (r == 0)
        r = add_panel(&figure, &groups->groups[index], title);
    if (r < 0)
        return r;
    name_of(groups, index, "curves", true, name);
    return draw(&figure, folder, name, fault);
}

static int draw_comparison(const fd_curve_groups *groups, size_t index, size_t axis,
                           const char *folder, fd_fault *fault) {
    FD_CLEANUP(figure_clear) struct figure figure = {0};
    fd_column column = axes[axis].column;
    char name[NAME_SIZE];
    int r = reserve(&figure, groups->count);
    for (size_t g = index; g < groups->count && r == 0; g++) {
        const fd_curve_group *group = &groups->groups[g];
        if (!same_but(&groups->groups[index], group, column))
            continue;
        char *title = NULL;
        if (asprintf(&title, "%s: %s%s", group->settings->fields[FD_COLUMN_REWARD],
                     axes[axis].label, group->settings->fields[column]) < 0)
            title = NULL;
        r = add_panel(&figure, group, title);
    }
    if (r < 0 || figure.n_panels < 2)
        return r;
    name_of(groups, index, axes[axis].file, column != FD_COLUMN_MODE, name);
    return draw(&figure, folder, name, fault);
}

int fd_plot_curves(const fd_curve_groups *groups, const char *folder, fd_fault *fault) {
    int r = 0;
    for (size_t g = 0; g < groups->count && r == 0; g++) {
        r = draw_curves(groups, g, folder, fault);
        for (size_t axis = 0; axis < FD_LENGTH(axes) && r == 0; axis++)
            if (is_first(groups, g, axes[axis].column))
                r = draw_comparison(groups, g, axis, folder, fault);
    }
    return r;
}
