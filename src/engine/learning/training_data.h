/* Training data: copies and references of one moment, which a training or a refit reads without a
 * lock. */
#ifndef FD_TRAINING_DATA_H
#define FD_TRAINING_DATA_H

#include <fisher/learn.h>

#include "annotator_order.h"
#include "coming_vectors.h"
#include "engine_options.h"
#include "snapshot.h"

typedef struct fd_training_data {
    fd_snapshot *snapshot; /* the one that served; NULL, like all else, without items or labels */
    size_t dimension;      /* of the embeddings */
    fd_growing_matrix *components; /* [n_items], of the inputs of that name */
    char inputs[FD_INPUTS_NAME_SIZE];
    size_t n_items;
    uint64_t re_embeddings;    /* the engine's, at that moment */
    fd_coming_vectors *coming; /* whose embeddings these are; NULL: those that serve */
    fd_item_extras extras;     /* of all items, once they were asked for */
    double text_share;         /* of the items that have texts, once a new model's extras were */
    float *lengths; /* [n_items] log of the response's length, with the extras; NaN: unknown */
    fd_project_settings settings;
    fd_score_names score_names;
    uint64_t project; /* the version of the settings */
    size_t n_revisions;
    fd_label_revision *revisions; /* [n_revisions] */
    uint32_t *clusters; /* [n_revisions] the same number for labels that are about one prompt;
                           NULL: not known */
    fd_annotator_order annotators;         /* of the revisions; empty: not known */
    const fi_reliabilities *reliabilities; /* that answers count by, by the numbers of annotators;
                                              NULL: all the same */
} fd_training_data;

int fd_training_data_read(fd_engine *engine, fd_training_data *ret) FD_MUST_CHECK;

/* Takes the coming vectors in the place of those that serve; no components are known of them.
 * -EAGAIN if items lack theirs. */
int fd_training_data_take_coming(fd_training_data *data, fd_coming_vectors *coming) FD_MUST_CHECK;

/* Makes the components of all items under the inputs of a model, unless the data has them.
 * -ECANCELED and others as fd_components_read. */
int fd_training_data_project(fd_engine *engine, const fi_model *inputs, const fd_going_on *going_on,
                             fd_training_data *data) FD_MUST_CHECK;

/* Adds the extras of all items to the data: in the columns of the model, or in those that a new
 * model takes if it is NULL. */
int fd_training_data_read_extras(fd_engine *engine, const fi_model *model,
                                 fd_training_data *data) FD_MUST_CHECK;

/* The blocks of the extras in some columns, as fd_extra_blocks. */
size_t fd_training_data_blocks(const fd_training_data *data, const uint32_t *ids, uint32_t count,
                               fi_block *blocks);
void fd_training_data_clear(fd_training_data *data);

/* The labels that count, as libfisher takes them. */
typedef struct fd_training_set {
    fi_answers answers; /* a view of the arrays */
    fi_pair *pairs;
    float *targets;
    float *sides;
    float *reliabilities;
    uint32_t *clusters;
    uint32_t *annotators; /* places in the order */
    uint8_t *arms;        /* [answers.count] fi_arm */
    size_t *revisions;    /* [answers.count] the index of the label's first one; ascending */
} fd_training_set;

/* Takes the labels that count by their newest revision in the data, in the order of their first
 * ones. -ENOMEM; clear it in any case. */
int fd_training_set_fill(const fd_training_data *data, fd_training_set *ret) FD_MUST_CHECK;
void fd_training_set_clear(fd_training_set *set);

#endif
