/* The memory of reliabilities, and what they say of one annotator. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "fitted_reliabilities.h"
#include "model_layout.h"

/* The chance of a clearly low slope among annotators who are alike. */
#define FALSE_ALARM 0.07

int fi_reliabilities_new(size_t count, fi_reliabilities **ret) {
    fi_reliabilities *made = calloc(1, sizeof(*made) + 2 * count * sizeof(double));
    if (!made)
        return -ENOMEM;
    made->count = count;
    made->values = made->data;
    made->stddevs = made->data + count;
    for (size_t i = 0; i < 2 * count; i++)
        made->data[i] = NAN;
    *ret = made;
    return 0;
}

int fi_reliabilities_copy(const fi_reliabilities *from, fi_reliabilities **ret) {
    int r = fi_reliabilities_new(from->count, ret);
    if (r < 0)
        return r;
    (*ret)->matter = from->matter;
    memcpy((*ret)->data, from->data, 2 * from->count * sizeof(double));
    return 0;
}

void fi_reliabilities_free(fi_reliabilities *reliabilities) {
    free(reliabilities);
}

static bool is_known(const fi_reliabilities *reliabilities, size_t annotator) {
    return reliabilities && annotator < reliabilities->count &&
           !isnan(reliabilities->values[annotator]);
}

double fi_reliability(const fi_reliabilities *reliabilities, size_t annotator) {
    bool counts = is_known(reliabilities, annotator) && reliabilities->matter;
    return counts ? reliabilities->values[annotator] : 1.0;
}

double fi_reliability_chance(const fi_reliabilities *reliabilities, size_t annotator) {
    if (!is_known(reliabilities, annotator))
        return INFINITY;
    size_t known = 0;
    for (size_t i = 0; i < reliabilities->count; i++)
        known += isnan(reliabilities->values[i]) ? 0 : 1;
    double below = (1.0 - reliabilities->values[annotator]) / reliabilities->stddevs[annotator];
    return (double)known * erfc(below / sqrt(2.0)) / 2.0;
}

bool fi_reliability_is_low(const fi_reliabilities *reliabilities, size_t annotator) {
    return fi_reliability_chance(reliabilities, annotator) < FALSE_ALARM;
}

/* ---- of a model ---- */

const fi_reliabilities *fi_model_reliabilities(const fi_model *model) {
    return model->reliabilities;
}

int fi_model_set_reliabilities(fi_model *model, const fi_reliabilities *from) {
    fi_reliabilities *copy;
    int r = fi_reliabilities_copy(from, &copy);
    if (r < 0)
        return r;
    fi_reliabilities_free(model->reliabilities);
    model->reliabilities = copy;
    return 0;
}
