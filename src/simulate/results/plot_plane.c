/* Draws the figure of the two-dimensional example with gnuplot. */
#include "plot_plane.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "experiment_run.h"
#include "gnuplot.h"
#include "score.h"

enum { SHOWN = 4, GRID = 48, PANEL = 320 };

static const double edge = 3.5;

struct picture {
    const fd_plan *plan;
    const fd_experiment_sets *sets;
    FILE *script;
    FILE *panels; /* the commands that draw; they follow the data in the script */
    size_t n_panels;
    fd_fault *fault;
};

/* Four evenly spaced rounds, including the last one. */
static bool is_shown(uint64_t round, uint64_t rounds) {
    for (uint64_t k = 1; k <= SHOWN; k++)
        if (round == (rounds * k + SHOWN - 1) / SHOWN)
            return true;
    return false;
}

static int print_grid(struct picture *picture, fd_engine *engine) {
    for (size_t row = 0; row < GRID; row++) {
        float points[GRID][2];
        fd_item_reference references[GRID];
        fd_score scores[GRID];
        uint64_t version;
        for (size_t i = 0; i < GRID; i++) {
            points[i][0] = (float)(edge * (2 * (double)i / (GRID - 1) - 1));
            points[i][1] = (float)(edge * (2 * (double)row / (GRID - 1) - 1));
            references[i] = (fd_item_reference){.embedding = points[i], .dimension = 2};
        }
        int r = fd_engine_score(engine, references, GRID, scores, &version, picture->fault);
        if (r < 0)
            return r;
        for (size_t i = 0; i < GRID; i++)
            (void)fprintf(picture->script, "%.3f %.3f %.4f\n", (double)points[i][0],
                          (double)points[i][1], scores[i].reward);
    }
    return 0;
}

static int draw_chosen(void *context, const fd_chosen_batch *batch) {
    struct picture *picture = context;
    const fd_round *round = batch->round;
    if (!is_shown(round->round, picture->plan->n_rounds))
        return 0;
    size_t panel = picture->n_panels++;
    (void)fprintf(picture->script, "$g%zu << EOD\n", panel);
    int r = print_grid(picture, batch->engine);
    if (r < 0)
        return r;
    (void)fprintf(picture->script, "EOD\n$p%zu << EOD\n", panel);
    const float *embeddings = picture->sets->data[0].testbed.embeddings;
    for (size_t i = 0; i < batch->n_pairs; i++) {
        const float *a = embeddings + 2 * (size_t)batch->pairs[i].a;
        const float *b = embeddings + 2 * (size_t)batch->pairs[i].b;
        (void)fprintf(picture->script, "%.4f %.4f %.4f %.4f\n", (double)a[0], (double)a[1],
                      (double)(b[0] - a[0]), (double)(b[1] - a[1]));
    }
    (void)fputs("EOD\n", picture->script);
    (void)fprintf(picture->panels,
                  "set title \"%s, round %" PRIu64
                  "\\n%.2f a point, difference %.2f, cosine %.2f\"\n"
                  "plot $g%zu using 1:2:3 with image notitle, $p%zu using 1:2:3:4 with vectors "
                  "nohead lc rgb 'black' notitle\n",
                  batch->run->strategy, round->round, round->uses_per_item, round->reward_gap,
                  round->nearest_cosine, panel, panel);
    return 0;
}

static int ignore_round(void *context, const fd_run *run, const fd_round *round) {
    (void)context;
    (void)run;
    (void)round;
    return 0;
}

/* Runs the first run of each strategy. The list of strategies varies fastest in a plan, so these
 * are the runs until the first strategy comes again. */
static int run_strategies(struct picture *picture, size_t *ret_count) {
    const fd_plan *plan = picture->plan;
    fd_run_hooks hooks = {.on_round = ignore_round, .on_chosen = draw_chosen, .context = picture};
    size_t n = 0;
    int r;
    do
        r = fd_run_rounds(plan, picture->sets, &plan->runs[n++], &hooks, picture->fault);
    while (r == 0 && n < plan->n_runs &&
           strcmp(plan->runs[n].strategy, plan->runs[0].strategy) != 0);
    *ret_count = n;
    return r;
}

static int print_picture(struct picture *picture) {
    FD_FREE char *panels = NULL;
    size_t size, strategies;
    picture->panels = open_memstream(&panels, &size);
    if (!picture->panels)
        return -ENOMEM;
    int r = run_strategies(picture, &strategies);
    if (fclose(picture->panels) != 0 && r == 0)
        r = -ENOMEM;
    if (r < 0)
        return r;
    size_t columns = picture->n_panels / strategies;
    (void)fprintf(picture->script,
                  "set terminal pngcairo size %zu,%zu noenhanced font 'sans,10'\n"
                  "set output 'figure1.png'\n"
                  "set xrange [%g:%g]\nset yrange [%g:%g]\nset size square\nunset colorbox\n"
                  "unset tics\nset multiplot layout %zu,%zu\n%sunset multiplot\n",
                  columns * PANEL, strategies * PANEL, -edge, edge, -edge, edge, strategies,
                  columns, panels);
    return 0;
}

int fd_plot_plane(const fd_plan *plan, const fd_experiment_sets *sets, const char *folder,
                  fd_fault *fault) {
    struct picture picture = {.plan = plan, .sets = sets, .fault = fault};
    int r = fd_gnuplot_open(folder, "figure1", &picture.script, fault);
    if (r < 0)
        return r;
    r = print_picture(&picture);
    if (r == 0)
        return fd_gnuplot_draw(folder, "figure1", picture.script, fault);
    (void)fclose(picture.script);
    return r;
}
