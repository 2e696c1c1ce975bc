/* Measures the columns of extras, and places items by them. */
#include <fisher/extras.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "model_layout.h"

/* A smaller deviation is that of a column that does not vary. */
#define DEVIATION_LEAST 1e-9

/* A deviation below this share of the mean is rounding of float32. */
#define DEVIATION_SHARE_LEAST 1e-6

const uint32_t *fi_model_extra_ids(const fi_model *model) {
    return model->extra_ids;
}

void fi_model_set_extra_ids(fi_model *model, const uint32_t *ids) {
    for (size_t j = 0; j < model->shape.extras; j++)
        model->extra_ids[j] = ids[j];
}

static double clip(double z) {
    return fmin(fmax(z, -FI_EXTRA_MOST), FI_EXTRA_MOST);
}

/* z, or NaN for a missing one */
static double standardise(const fi_model *model, size_t column, float raw) {
    return isnan(raw)
               ? NAN
               : clip(((double)raw - model->extra_mean[column]) * model->extra_scale[column]);
}

static bool counts(const fi_extras *extras, size_t item, size_t column) {
    return (!extras->empty || !extras->empty[item]) &&
           !isnan(extras->raw[item * extras->count + column]);
}

/* ---- over all items ---- */

static void fit_column(fi_model *model, const fi_extras *extras, size_t column) {
    double sum = 0.0, squares = 0.0, n = 0.0;
    for (size_t i = 0; i < extras->n_items; i++)
        if (counts(extras, i, column)) {
            sum += (double)extras->raw[i * extras->count + column];
            n++;
        }
    double mean = n > 0.0 ? sum / n : 0.0;
    for (size_t i = 0; i < extras->n_items; i++)
        if (counts(extras, i, column)) {
            double apart = (double)extras->raw[i * extras->count + column] - mean;
            squares += apart * apart;
        }
    double deviation = n > 0.0 ? sqrt(squares / n) : 0.0;
    bool varies = deviation > DEVIATION_LEAST && deviation > DEVIATION_SHARE_LEAST * fabs(mean);
    model->extra_mean[column] = mean;
    model->extra_scale[column] = varies ? 1.0 / deviation : 0.0;
}

/* ---- within prompts ---- */

/* Sums over the items of each group of a range. */
struct sums {
    uint32_t first_group;
    size_t n_groups;
    size_t columns;
    double *z;        /* [n_groups x columns] */
    double *squares;  /* [n_groups x columns] of the distances from the group's mean */
    uint32_t *counts; /* [n_groups x columns] */
};

static void sums_clear(struct sums *sums) {
    free(sums->z);
    free(sums->squares);
    free(sums->counts);
}

/* Which of the sums an item's column belongs to; -1: none. */
static ptrdiff_t place_of(const struct sums *sums, const fi_extras *extras, size_t item,
                          size_t column) {
    uint32_t group = extras->groups[item] - sums->first_group;
    if (extras->groups[item] < sums->first_group || group >= sums->n_groups ||
        !counts(extras, item, column))
        return -1;
    return (ptrdiff_t)(group * sums->columns + column);
}

/* The squares in a second pass: their difference with a mean that is far from 0 would be lost. */
static void sums_add(struct sums *sums, const fi_model *model, const fi_extras *extras,
                     bool squares) {
    for (size_t i = 0; i < extras->n_items; i++)
        for (size_t j = 0; j < sums->columns; j++) {
            ptrdiff_t at = place_of(sums, extras, i, j);
            if (at < 0)
                continue;
            double z = standardise(model, j, extras->raw[i * extras->count + j]);
            if (squares) {
                double apart = z - sums->z[at] / (double)sums->counts[at];
                sums->squares[at] += apart * apart;
            } else {
                sums->z[at] += z;
                sums->counts[at]++;
            }
        }
}

static int sums_fill(struct sums *sums, const fi_model *model, const fi_extras *extras) {
    size_t numbers = sums->n_groups * sums->columns;
    sums->z = calloc(numbers + 1, sizeof(*sums->z));
    sums->squares = calloc(numbers + 1, sizeof(*sums->squares));
    sums->counts = calloc(numbers + 1, sizeof(*sums->counts));
    if (!sums->z || !sums->squares || !sums->counts)
        return -ENOMEM;
    sums_add(sums, model, extras, false);
    return 0;
}

static double pooled_deviation(const struct sums *sums, size_t column) {
    double squares = 0.0, freedom = 0.0;
    for (size_t g = 0; g < sums->n_groups; g++) {
        size_t at = g * sums->columns + column;
        squares += sums->squares[at];
        freedom += sums->counts[at] > 1 ? (double)sums->counts[at] - 1.0 : 0.0;
    }
    return freedom > 0.0 ? sqrt(squares / freedom) : 0.0;
}

static size_t group_count(const fi_extras *extras) {
    size_t n = 0;
    for (size_t i = 0; i < extras->n_items; i++)
        n = extras->groups[i] >= n ? (size_t)extras->groups[i] + 1 : n;
    return n;
}

int fi_model_fit_extras(fi_model *model, const fi_extras *extras) {
    size_t columns = model->shape.extras;
    if (extras->count != columns)
        return -EINVAL;
    for (size_t i = 0; i < extras->n_items * columns; i++)
        if (isinf(extras->raw[i]))
            return -EINVAL;
    for (size_t j = 0; j < columns; j++)
        fit_column(model, extras, j);
    FD_CLEANUP(sums_clear) struct sums sums = {.n_groups = group_count(extras), .columns = columns};
    int r = sums_fill(&sums, model, extras);
    if (r < 0)
        return r;
    sums_add(&sums, model, extras, true);
    for (size_t j = 0; j < columns; j++) {
        double deviation = pooled_deviation(&sums, j);
        model->extra_within[j] = deviation > DEVIATION_LEAST ? 1.0 / deviation : 0.0;
    }
    fi_model_set_extra_ids(model, extras->ids);
    return 0;
}

int fi_model_extra_centres(const fi_model *model, const fi_extras *extras, uint32_t first_group,
                           size_t n_groups, float *centres) {
    FD_CLEANUP(sums_clear)
    struct sums sums = {
        .first_group = first_group, .n_groups = n_groups, .columns = model->shape.extras};
    int r = sums_fill(&sums, model, extras);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n_groups * sums.columns; i++)
        centres[i] = sums.counts[i] < 2 ? 0.0f : (float)(sums.z[i] / (double)sums.counts[i]);
    return 0;
}

void fi_model_place_extras(const fi_model *model, const float *raw, const float *centre,
                           float *placed) {
    for (size_t j = 0; j < model->shape.extras; j++) {
        double z = standardise(model, j, raw[j]);
        placed[j] =
            isnan(z) ? 0.0f
                     : (float)((z - (centre ? (double)centre[j] : 0.0)) * model->extra_within[j]);
    }
}
