/*
 * The reward model r(x) = phi(x)' beta.
 *
 * An item is one prompt with one response. Its embedding x has D float32 numbers. The model
 * standardises each column of x, optionally projects x on its leading principal components, and
 * passes it through zero to three hidden layers of h units. The activation is the exact GELU,
 * z Phi(z), with Phi the standard normal distribution (Hendrycks and Gimpel 2016, arXiv
 * 1606.08415). The result is the features phi(x). The last layer beta has no bias. Without a hidden
 * layer the features are the standardised, projected inputs, and the model is linear.
 *
 * A model may take further numbers of an item, its extras: features of its text, or prior scores.
 * They pass all layers by and follow the other features, each with a coefficient of its own in beta
 * (extras.h).
 *
 * Matrices are dense, row-major float32, one item per row. Functions that can fail return 0 or
 * -errno.
 */
#ifndef FISHER_MODEL_H
#define FISHER_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FI_MUST_CHECK __attribute__((warn_unused_result))

enum {
    FI_HIDDEN_LAYERS_MAX = 3,
    FI_WIDTH_MAX = 4096,   /* features at most, with or without hidden layers */
    FI_INPUTS_MAX = 65536, /* numbers of an embedding at most */
    FI_EXTRAS_MAX = 64,
};

/* The numbers of an embedding are finite and at most this large, so that products stay finite. */
#define FI_EMBEDDING_MAX 1e6f

/* Two rows of a matrix of items. The question is which of the two items is better. */
typedef struct fi_pair {
    uint32_t a;
    uint32_t b;
} fi_pair;

typedef struct fi_shape {
    uint32_t inputs;        /* D, numbers of an embedding */
    uint32_t components;    /* principal components to keep; 0: use the standardised inputs */
    uint32_t hidden_layers; /* 0 to FI_HIDDEN_LAYERS_MAX */
    uint32_t hidden_width;  /* h; ignored without a hidden layer */
    uint32_t extras;        /* columns after those; 0 to FI_EXTRAS_MAX */
} fi_shape;

typedef struct fi_model fi_model;

/*
 * Makes a model whose weights and biases are drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)). The
 * same seed gives the same numbers. Inputs pass unchanged: the mean is 0, the scale 1, and the
 * projection, if there is one, takes the first columns. The caller frees the model with
 * fi_model_free. -EINVAL if the shape is out of bounds (more components than inputs, or more
 * features than FI_WIDTH_MAX), -ENOMEM.
 */
int fi_model_new(const fi_shape *shape, uint64_t seed, fi_model **ret) FI_MUST_CHECK;

/* Makes an independent copy, which the caller frees. -ENOMEM. */
int fi_model_copy(const fi_model *model, fi_model **ret) FI_MUST_CHECK;

void fi_model_free(fi_model *model); /* NULL is allowed */

const fi_shape *fi_model_shape(const fi_model *model);

/* The number of features: h, or without a hidden layer the number of (projected) inputs, and the
 * extras. */
size_t fi_model_feature_count(const fi_model *model);

/* The fit that beta comes from, or NULL if it is not known. It belongs to the model. */
const struct fi_last_layer *fi_model_last_layer(const fi_model *model);

/* Makes a copy of the fit a part of the model, and its beta that of the model. -EINVAL for another
 * number of features, -ENOMEM. */
int fi_model_set_last_layer(fi_model *model, const struct fi_last_layer *layer) FI_MUST_CHECK;

/*
 * Sets the input statistics from n items [n x D]: the mean and the standard deviation of each
 * column and, with `components`, the projection. A column that does not vary gets scale 0 and drops
 * out. The projection has the leading eigenvectors of the correlation matrix, the largest first.
 * One factor scales all of them, so that the projected inputs have variance 1 on average and keep
 * their proportions. A component in which the items do not vary is 0.
 *
 * If D exceeds 4 (components + 16), the eigenvectors are approximate, from about 8,192 of the items
 * (Halko, Martinsson and Tropp 2011): they hold about 99 % of the variance that the exact ones
 * hold. The same items give the same numbers. Memory: O(D components). -EINVAL if n is 0, -ENOMEM,
 * -EIO if the eigenvalue iteration fails.
 */
int fi_model_fit_inputs(fi_model *model, size_t n, const float *embeddings) FI_MUST_CHECK;

/* The same, which takes seconds for a million items, as long as go_on(context) is true: it is
 * called about every millisecond. -ECANCELED once it is false; the model's inputs are then
 * unusable. */
int fi_model_fit_inputs_while(fi_model *model, size_t n, const float *embeddings,
                              bool (*go_on)(void *context), void *context) FI_MUST_CHECK;

/* The input statistics: a prepared input is ((x - mean) * scale) projection'. The arrays belong to
 * the model. */
typedef struct fi_inputs {
    const double *mean;      /* [D] */
    const float *scale;      /* [D] 1 / standard deviation, or 0 */
    const float *projection; /* [components x D]; NULL without components */
} fi_inputs;

fi_inputs fi_model_inputs(const fi_model *model);

/*
 * The trainable parameters as one block: weights and biases of the first hidden layer, of the next,
 * and so on, then beta. The block belongs to the model.
 */
float *fi_model_parameters(fi_model *model, size_t *ret_count);

/*
 * One layer of the block. Layer l < hidden_layers has weights [h x fan_in] ([out, in]) and biases
 * [h]. Layer hidden_layers is beta: weights [1 x features], biases NULL.
 */
typedef struct fi_layer {
    size_t outputs;
    size_t inputs;
    float *weights;
    float *biases;
} fi_layer;

fi_layer fi_model_layer(const fi_model *model, uint32_t index);

/* The number of prepared inputs: components, or D without a projection. */
size_t fi_model_prepared_count(const fi_model *model);

/* Standardises and projects embeddings [n x D] into prepared [n x prepared_count], the inputs of
 * the network. They depend on the input statistics alone. -ENOMEM. */
int fi_model_prepare(const fi_model *model, size_t n, const float *embeddings,
                     float *prepared) FI_MUST_CHECK;

/* Copies the input statistics from a model with as many inputs and components, and those of the
 * extras if it has as many of these. -EINVAL for other inputs or components. */
int fi_model_take_inputs(fi_model *model, const fi_model *from) FI_MUST_CHECK;

/* features [n x feature_count] = phi of embeddings [n x D], then the placed extras [n x extras] of
 * extras.h; NULL: zeros. -ENOMEM. */
int fi_model_features(const fi_model *model, size_t n, const float *embeddings, const float *extras,
                      float *features) FI_MUST_CHECK;

/* The same of prepared inputs: row i begins at prepared + i * stride. -ENOMEM. */
int fi_model_features_of_prepared(const fi_model *model, size_t n, const float *prepared,
                                  size_t stride, const float *extras,
                                  float *features) FI_MUST_CHECK;

/* rewards [n] = features [n x feature_count] beta. */
void fi_model_rewards(const fi_model *model, size_t n, const float *features, float *rewards);

/*
 * The model as bytes: "FISHERMD", a format version, the shape, the input statistics, the parameters
 * and the last layer, little-endian, then a CRC-32 of all of it. The caller frees *ret_bytes with
 * free().
 * -ENOMEM.
 */
int fi_model_encode(const fi_model *model, uint8_t **ret_bytes, size_t *ret_size) FI_MUST_CHECK;

/*
 * Reads what fi_model_encode of this or an earlier version wrote; any bytes are safe. -EBADMSG if
 * magic, length or checksum is wrong or a number is not finite, -EPROTONOSUPPORT for an unknown
 * format version, -ENOMEM.
 */
int fi_model_decode(const uint8_t *bytes, size_t size, fi_model **ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
