/*
 * The components of items: what a model's input statistics make of their embeddings
 * (fi_model_prepare). Features begin at them, and so do trainings that keep the statistics, so that
 * nothing else of an embedding lies in memory.
 *
 * A matrix of components has a row for each item, which begins with the components. More numbers
 * may follow: the features of a linear model are the components and then the extras, so that one
 * matrix holds both.
 */
#ifndef FD_ITEM_COMPONENTS_H
#define FD_ITEM_COMPONENTS_H

#include <fisher/model.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "growing_matrix.h"
#include "macros.h"
#include "stored_vectors.h"

/* Names the input statistics of a model by a hash: models of one name make the same components. */
enum { FD_INPUTS_NAME_SIZE = 33 };
void fd_inputs_name(const fi_model *model, char ret[static FD_INPUTS_NAME_SIZE]);

/* Whether to go on with something long; each member may be NULL. */
typedef struct fd_going_on {
    const atomic_bool *interrupted;
    bool (*go_on)(void *context, double share);
    void *context;
} fd_going_on;

/* Reads the embeddings of items `first` to `end`, and writes their components into the matrix,
 * which has room for them. -EBADMSG as fd_stored_vectors_copy; -ECANCELED. */
int fd_components_read(const fd_vector_source *source, const fi_model *model, size_t first,
                       size_t end, const fd_going_on *going_on,
                       fd_growing_matrix *matrix) FD_MUST_CHECK;

/* Writes the components of n embeddings [n x D] into the rows from `first` on. */
int fd_components_place(const fi_model *model, size_t n, const float *embeddings,
                        fd_growing_matrix *matrix, size_t first) FD_MUST_CHECK;

/* Copies the `width` components of rows `first` to `end` from another matrix. */
void fd_components_copy(const fd_growing_matrix *from, size_t width, size_t first, size_t end,
                        fd_growing_matrix *to);

/* Sets the input statistics of a model from the embeddings of n stored items: all of them, or a
 * sample. -EIO, -ECANCELED, and as fd_stored_vectors_copy. */
int fd_inputs_fit(const fd_vector_source *source, size_t n, const fd_going_on *going_on,
                  fi_model *model) FD_MUST_CHECK;

#endif
