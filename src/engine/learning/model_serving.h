/* Making another model serve: its snapshot, and the job that stores and activates it. */
#ifndef FD_MODEL_SERVING_H
#define FD_MODEL_SERVING_H

#include "engine_options.h"
#include "macros.h"
#include "training_data.h"

int fd_model_serving_new(fd_engine *engine) FD_MUST_CHECK;
void fd_model_serving_free(fd_engine *engine);

/* A commit hook: sets the gauge of the stored versions. */
void fd_model_serving_on_commit(fd_engine *engine);

/* Before any thread runs: a version that the store has, the newest first. */
void fd_model_serving_count(fd_engine *engine, uint64_t version);

/* A version that another replica stored or activated. Called by the writer. */
void fd_model_serving_follow(fd_engine *engine, const fd_model_row *row);

/* The highest version ever stored; 0: none. Read by the trainer's thread between its trainings. */
uint64_t fd_model_serving_newest(const fd_engine *engine);

/*
 * The first revisions of the history, of `all`, that a stored version has learned from; all of them
 * where the number is not known, and none for a version of an earlier program, whose last layer
 * says too little about its fit: it is fitted again.
 */
size_t fd_model_revisions_learned(const fi_model *model, const fd_model_row *row, size_t all);

/* The model's reliabilities by the numbers of annotators, which the revisions name; NULL without
 * any. The caller frees *ret. */
int fd_model_reliabilities_find(const fi_model *model, const fd_label_revision *revisions, size_t n,
                                fi_reliabilities **ret) FD_MUST_CHECK;

/* A snapshot without items and labels of a model that has learned the first `learned` of the
 * revisions [n], which name the annotators of the model's reliabilities. It takes *model over and
 * sets it to NULL. */
int fd_model_snapshot_new(fi_model **model, const fd_model_row *row,
                          const fd_label_revision *revisions, size_t n, size_t learned,
                          fd_snapshot **ret) FD_MUST_CHECK;

/* The same with the items and labels of the data. -ECANCELED when the engine closes. */
int fd_model_snapshot_of(fd_engine *engine, fd_training_data *data, fi_model **model,
                         const fd_model_row *row, size_t learned, fd_snapshot **ret) FD_MUST_CHECK;

/* Stores a new version, with its bytes, prunes old ones, and serves it; with a NULL snapshot it is
 * stored only. Other replicas have some seconds to prepare it before it serves. -ECANCELED if other
 * vectors serve than at the moment of its data. */
int fd_model_store_and_serve(fd_engine *engine, const fd_model_row *row, fd_snapshot *snapshot,
                             uint64_t re_embeddings) FD_MUST_CHECK;

/* Serves a version that is stored, once other replicas have prepared it. -ENOENT if it is not there
 * any more; -ECANCELED as above. */
int fd_model_serve_stored(fd_engine *engine, uint64_t version, fd_snapshot *snapshot,
                          uint64_t re_embeddings) FD_MUST_CHECK;

/* Serves a version that another replica activated. -ECANCELED if it is not the active one any more.
 */
int fd_model_serve_followed(fd_engine *engine, uint64_t version, fd_snapshot *snapshot,
                            uint64_t re_embeddings) FD_MUST_CHECK;

/* Serves the coming vectors, with a new version that was trained on them, or with an untrained
 * model where `row` and `snapshot` are NULL. -EAGAIN if items came that lack theirs. */
int fd_model_serve_coming(fd_engine *engine, const fd_model_row *row, fd_snapshot *snapshot,
                          fd_coming_vectors *coming) FD_MUST_CHECK;

#endif
