/* Reads the parts of a store for `fisherd copy`: each as a digest. */
#ifndef FD_COPY_READ_H
#define FD_COPY_READ_H

#include "copy_digest.h"
#include "store.h"

/* Each reads all rows of a part, in their order, into a digest that starts as all zero. `goes_on`
 * is asked now and then: -ECANCELED where it says no. */
typedef int fd_copy_reading(fd_store *store, bool (*goes_on)(void), fd_digest *ret);

fd_copy_reading fd_copy_read_key;
fd_copy_reading fd_copy_read_project;
fd_copy_reading fd_copy_read_embedder;
fd_copy_reading fd_copy_read_items;
fd_copy_reading fd_copy_read_scores;
fd_copy_reading fd_copy_read_assignments;
fd_copy_reading fd_copy_read_labels;
fd_copy_reading fd_copy_read_models;
fd_copy_reading fd_copy_read_jobs;

/* The versions of all models, from the first. The caller frees *ret. */
int fd_copy_model_versions(fd_store *store, uint64_t **ret, size_t *ret_n) FD_MUST_CHECK;

/* The sequences of all embedding jobs, from the first. The caller frees *ret. */
int fd_copy_job_sequences(fd_store *store, int64_t **ret, size_t *ret_n) FD_MUST_CHECK;

#endif
