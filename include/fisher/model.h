/*
 * The reward model r(x) = phi(x)' beta.
 *
 * An item is one prompt and one response with an embedding x of D float32 numbers. The model
 * standardises x per column, optionally projects it on its leading principal components, runs it
 * through zero to three hidden layers of h units with the exact GELU, z * Phi(z), and so gets the
 * features phi(x); the last layer beta has no bias. Without a hidden layer the features are the
 * standardised (projected) inputs and the model is linear.
 *
 * Matrices are dense, row-major float32, one item a row. Functions return 0 or -errno.
 */
#ifndef FISHER_MODEL_H
#define FISHER_MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FI_MUST_CHECK __attribute__((warn_unused_result))

enum {
    FI_HIDDEN_LAYERS_MAX = 3,
    FI_WIDTH_MAX = 4096,   /* most features, hidden or not */
    FI_INPUTS_MAX = 65536, /* most numbers in an embedding */
};

/* Embeddings are finite and at most this large in absolute value, so that no product overflows. */
#define FI_EMBEDDING_MAX 1e6f

/* Two rows of a matrix of items; the question is whether a or b is preferred. */
typedef struct fi_pair {
    uint32_t a;
    uint32_t b;
} fi_pair;

typedef struct fi_shape {
    uint32_t inputs;        /* D, numbers in an embedding */
    uint32_t components;    /* principal components kept; 0 uses the standardised inputs */
    uint32_t hidden_layers; /* 0 to FI_HIDDEN_LAYERS_MAX */
    uint32_t hidden_width;  /* h; not looked at without a hidden layer */
} fi_shape;

typedef struct fi_model fi_model;

/*
 * A model with every weight and bias drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the same for
 * the same seed, and inputs left as they are (mean 0, scale 1, and with `components` the first
 * columns as the projection). -EINVAL for a shape out of bounds (components must be at most
 * inputs, the number of features at most FI_WIDTH_MAX), -ENOMEM.
 * The caller frees it with fi_model_free; fi_model_copy makes an independent one.
 */
int fi_model_new(const fi_shape *shape, uint64_t seed, fi_model **ret) FI_MUST_CHECK;
int fi_model_copy(const fi_model *model, fi_model **ret) FI_MUST_CHECK;
void fi_model_free(fi_model *model);

const fi_shape *fi_model_shape(const fi_model *model);

/* The number of features: h, or without a hidden layer the number of (projected) inputs. */
size_t fi_model_feature_count(const fi_model *model);

/*
 * Sets the input statistics from n items [n x D]: mean and standard deviation of each column (a
 * column that does not vary gets scale 0 and drops out), and with `components` the leading
 * eigenvectors of the correlation matrix, the largest first, scaled by one number so that the
 * projected inputs have variance 1 on average and keep their proportions. A component in which the
 * items do not vary is 0. Where D exceeds 4 (components + 16) the eigenvectors are approximate,
 * from some 8,192 of the items: they hold some 99 % of the variance that the exact ones do. The
 * same items give the same numbers. Memory O(D components). -EINVAL for n = 0, -ENOMEM, -EIO if the
 * eigenvalue iteration fails.
 */
int fi_model_fit_inputs(fi_model *model, size_t n, const float *embeddings) FI_MUST_CHECK;

/* What happens to an embedding before the network: ((x - mean) * scale) projection'. Views. */
typedef struct fi_inputs {
    const double *mean;      /* [D] */
    const float *scale;      /* [D] one over the standard deviation, or 0 */
    const float *projection; /* [components x D]; NULL without components */
} fi_inputs;

fi_inputs fi_model_inputs(const fi_model *model);

/*
 * The trainable parameters as one block, in the order weights and biases of the first hidden
 * layer, …, beta. The block belongs to the model.
 */
float *fi_model_parameters(fi_model *model, size_t *ret_count);

/*
 * One layer of the block. Layer l < hidden_layers has weights [h x fan_in] ([out, in]) and biases
 * [h]; layer hidden_layers is beta: weights [1 x features] and no biases (NULL).
 */
typedef struct fi_layer {
    size_t outputs;
    size_t inputs;
    float *weights;
    float *biases;
} fi_layer;

fi_layer fi_model_layer(const fi_model *model, uint32_t index);

/* The network's input: standardised, projected rows [n x (components or D)] of embeddings [n x D].
 */
int fi_model_prepare(const fi_model *model, size_t n, const float *embeddings,
                     float *prepared) FI_MUST_CHECK;

/* phi of each item: features [n x feature_count] from embeddings [n x D]. -ENOMEM. */
int fi_model_features(const fi_model *model, size_t n, const float *embeddings,
                      float *features) FI_MUST_CHECK;

/* rewards [n] = features [n x feature_count] beta. */
void fi_model_rewards(const fi_model *model, size_t n, const float *features, float *rewards);

/*
 * The model as bytes: "FISHERMD", a format version, the shape, the statistics, the projection and
 * the parameters, little-endian, and a CRC-32 of all before it. The caller frees *ret_bytes with
 * free(). Decoding takes any bytes: -EBADMSG for wrong magic, length or checksum or for numbers
 * that are not finite, -EPROTONOSUPPORT for a format version that it does not know, -ENOMEM.
 */
int fi_model_encode(const fi_model *model, uint8_t **ret_bytes, size_t *ret_size) FI_MUST_CHECK;
int fi_model_decode(const uint8_t *bytes, size_t size, fi_model **ret) FI_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
