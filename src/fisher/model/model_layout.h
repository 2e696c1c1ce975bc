/* The inside of fi_model: its numbers, and where each layer's are. */
#ifndef FI_MODEL_LAYOUT_H
#define FI_MODEL_LAYOUT_H

#include <fisher/model.h>

#include "macros.h"

struct fi_model {
    fi_shape shape;
    size_t parameter_count;
    double *mean;                /* [D] */
    float *scale;                /* [D] 1 / standard deviation, or 0 */
    float *projection;           /* [components x D]; NULL without components */
    double *extra_mean;          /* [extras] */
    double *extra_scale;         /* [extras] 1 / standard deviation, or 0 */
    double *extra_within;        /* [extras] 1 / standard deviation within prompts, or 0 */
    uint32_t *extra_ids;         /* [extras] */
    float *parameters;           /* [parameter_count] */
    struct fi_last_layer *layer; /* NULL: not known */
    struct fi_reliabilities *reliabilities; /* NULL: not known */
    double data[];                          /* all of the arrays */
};

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* The features that come from the embedding: all but the extras. */
size_t fi_model_embedded_count(const fi_model *model);

/* The bytes of all numbers of a model of this shape; 0 for a shape out of bounds. */
size_t fi_model_numbers_size(const fi_shape *shape);

/* The features of a model of this shape, which is in bounds. */
size_t fi_model_feature_count_of(const fi_shape *shape);

/* Makes a model with all numbers 0. -EINVAL for a shape out of bounds, -ENOMEM. */
int fi_model_allocate(const fi_shape *shape, fi_model **ret) FD_MUST_CHECK;

/* Copies mean, scale and projection from a model with the same inputs and components, and the
 * statistics of the extras if it has the same number. */
void fi_model_copy_inputs(fi_model *model, const fi_model *from);

/* A hidden layer; the numbers belong to the model. */
fi_layer fi_hidden_layer(const fi_model *model, uint32_t index);

#endif
