/* Answers and the items that they name as arrays for training, and mini-batches of them. */
#ifndef FI_DATA_SET_H
#define FI_DATA_SET_H

#include <fisher/train.h>

#include "network.h"
#include "rng.h"
#include "row_numbering.h"

typedef struct fi_data_set {
    size_t count;
    fi_pair *pairs; /* [count], items 0 … n_items - 1 */
    float *targets; /* [count] */
    size_t n_items; /* items that the pairs name */
    float *inputs;  /* [n_items x prepared_count] */
    uint32_t *rows; /* [n_items] of the embeddings */
    float *rewards; /* [n_items] of the latest forward pass */
    float *slopes;  /* [n_items] d mean loss / d reward */
    fi_pass pass;
} fi_data_set;

/* Copies and prepares what it needs of embeddings [n_items x D]. -EINVAL for a row or a target out
 * of range, -ENOMEM; clear it in any case. */
int fi_data_set_init(fi_data_set *data, const fi_model *model, size_t n_items,
                     const float *embeddings, const fi_answers *answers) FD_MUST_CHECK;

/* The same of prepared inputs: row i begins at prepared + i * stride. */
int fi_data_set_init_prepared(fi_data_set *data, const fi_model *model, size_t n_items,
                              const float *prepared, size_t stride,
                              const fi_answers *answers) FD_MUST_CHECK;
void fi_data_set_clear(fi_data_set *data);

/* How well a model fits the answers. */
fi_fit fi_data_set_loss(fi_data_set *data, const fi_model *model);

/* Returns the mean loss over the answers, of which there is at least one, and sets
 * gradient [parameter_count]. */
double fi_data_set_gradient(fi_data_set *data, const fi_model *model, float *gradient);

/* Mini-batches of `size` answers. Each epoch has a new random order. */
typedef struct fi_batches {
    fi_data_set *whole;
    fi_data_set part;       /* the present mini-batch */
    uint32_t *order;        /* [whole->count] of the answers; NULL if each batch is the whole set */
    fd_row_numbering items; /* of the whole set that the present batch names */
    size_t next;            /* the next answer, in `order` */
    fd_rng rng;
} fi_batches;

/* Size 0 means all answers. `whole` stays the caller's. -ENOMEM; clear it in any case. */
int fi_batches_init(fi_batches *batches, const fi_model *model, fi_data_set *whole, size_t size,
                    uint64_t seed) FD_MUST_CHECK;
void fi_batches_clear(fi_batches *batches);

/* The next mini-batch, valid until the next call. The answers that do not fill a last batch of the
 * epoch are skipped. */
fi_data_set *fi_batches_next(fi_batches *batches, const fi_model *model);

#endif
