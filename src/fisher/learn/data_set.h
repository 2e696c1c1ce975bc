/* A set of answers over the distinct items that they name, and the mini-batches of one. */
#ifndef FI_DATA_SET_H
#define FI_DATA_SET_H

#include <fisher/train.h>

#include "network.h"
#include "rng.h"

typedef struct fi_data_set {
    size_t count;
    fi_pair *pairs; /* [count] of items 0 … n_items - 1 */
    float *targets; /* [count] */
    size_t n_items; /* each named by a pair */
    float *inputs;  /* [n_items x k] prepared */
    float *rewards; /* [n_items] of the latest run */
    float *slopes;  /* [n_items] d mean loss / d reward */
    fi_pass pass;
} fi_data_set;

/* From rows of embeddings [n_items x D], which are copied. -EINVAL for a row or a target out of
 * range, -ENOMEM; the caller clears it in any case. */
int fi_data_set_init(fi_data_set *lesson, const fi_model *model, size_t n_items,
                     const float *embeddings, const fi_answers *answers) FD_MUST_CHECK;
void fi_data_set_clear(fi_data_set *lesson);

fi_fit fi_data_set_loss(fi_data_set *lesson, const fi_model *model);

/* The mean loss of at least one answer; sets gradient [parameter_count]. */
double fi_data_set_gradient(fi_data_set *lesson, const fi_model *model, float *gradient);

/* The answers of a lesson in turns of `size`, in a random order that is new in each epoch. */
typedef struct fi_batches {
    fi_data_set *whole;
    fi_data_set part;
    uint32_t *order;   /* [whole count] a permutation; NULL where every batch is the whole */
    uint32_t *numbers; /* [whole n_items] scratch */
    uint32_t *rows;    /* [part n_items] in the whole */
    size_t next;
    fd_rng rng;
} fi_batches;

/* Size 0 takes all. `whole` is borrowed. -ENOMEM; the caller clears it in any case. */
int fi_batches_init(fi_batches *batches, const fi_model *model, fi_data_set *whole, size_t size,
                    uint64_t seed) FD_MUST_CHECK;
void fi_batches_clear(fi_batches *batches);

/* Valid until the next call. The answers that an epoch leaves over are not used in it. */
fi_data_set *fi_batches_next(fi_batches *batches, const fi_model *model);

#endif
