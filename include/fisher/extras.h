/*
 * Extras: numbers of an item that come from elsewhere than its embedding, such as features of its
 * text or the scores of a judge. A raw extra is any finite number, or NaN if it is missing.
 *
 * Two responses to one prompt are what people compare, so an extra counts by how it differs within
 * its prompt. With the mean and the standard deviation s of a column over all items,
 *
 *     z = (raw - mean) / s, between -3.5 and 3.5
 *
 * and the placed extra is (z - centre) / w: the centre is the mean of z over the items of the
 * prompt, or 0 if it has a single item, and w the standard deviation of z within prompts, pooled
 * over those with two items or more:
 *
 *     w^2 = sum over prompts of sum (z - centre)^2 / sum over prompts of (items - 1).
 *
 * A missing extra is placed at 0. A column that does not vary within prompts is 0 everywhere. Items
 * that are marked as empty have no part in mean, s, centre or w, since a few of them would shrink
 * the scale of all others; they are placed like any other item.
 */
#ifndef FISHER_EXTRAS_H
#define FISHER_EXTRAS_H

#include <fisher/model.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FI_EXTRA_MOST 3.5 /* |z| */

/* The raw extras of items. The arrays belong to the caller. */
typedef struct fi_extras {
    size_t n_items;
    uint32_t count;         /* columns */
    const uint32_t *ids;    /* [count] what each column is: the model keeps it for the caller */
    const float *raw;       /* [n_items x count] */
    const uint32_t *groups; /* [n_items] the prompt of each item */
    const bool *empty;      /* [n_items]; NULL: none is */
} fi_extras;

/* What each column of a model's extras is: [extras]. It belongs to the model. */
const uint32_t *fi_model_extra_ids(const fi_model *model);

/* Sets them: ids [extras]. */
void fi_model_set_extra_ids(fi_model *model, const uint32_t *ids);

/* Sets the statistics of the model's extras, and its ids. -EINVAL for another number of columns or
 * a raw extra that is infinite, -ENOMEM. */
int fi_model_fit_extras(fi_model *model, const fi_extras *extras) FI_MUST_CHECK;

/* What the columns were measured to be: [extras] each. The arrays belong to the model. */
typedef struct fi_extra_statistics {
    const double *mean;
    const double *scale;  /* 1 / s, or 0 for a column that does not vary */
    const double *within; /* 1 / w, or 0 */
} fi_extra_statistics;

fi_extra_statistics fi_model_extra_statistics(const fi_model *model);

/*
 * Computes the centres [n_groups x count] of the groups first_group … first_group + n_groups - 1.
 * Items of other groups are ignored. -ENOMEM.
 */
int fi_model_extra_centres(const fi_model *model, const fi_extras *extras, uint32_t first_group,
                           size_t n_groups, float *centres) FI_MUST_CHECK;

/* Places the raw extras [extras] of one item; a NULL centre is 0. */
void fi_model_place_extras(const fi_model *model, const float *raw, const float *centre,
                           float *placed);

#ifdef __cplusplus
}
#endif

#endif
