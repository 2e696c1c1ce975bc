/* A model and what is known about it; all snapshots that serve the model share it. */
#ifndef FD_SERVED_MODEL_H
#define FD_SERVED_MODEL_H

#include <fisher/design.h>
#include <fisher/reliability.h>
#include <stdatomic.h>

#include "item_components.h"
#include "macros.h"
#include "store_rows.h"

typedef struct fd_served_model {
    atomic_size_t references;
    fi_model *model;
    char inputs[FD_INPUTS_NAME_SIZE]; /* whose components its features begin at */
    fd_model_row row;                 /* version 0: never trained; bytes and reason are not kept */

    /* What the last layer has learned from: the first revisions of the history, and the labels that
     * count among them. Set before the first snapshot. */
    size_t revisions;
    uint64_t labels;
    size_t fitted; /* the first revisions, from which the model's fi_last_layer was fitted */
    uint64_t extra_changes; /* those of the engine that an untrained model knows */
    uint64_t project;       /* the version of the settings that its last layer knows */
    uint64_t refits;        /* of the last layer since the training */
    /* Of the annotators, by their numbers, as the training knew them; NULL: not known. A refit has
     * those of `trained`. */
    fi_reliabilities *reliabilities;
    struct fd_served_model *trained; /* the model that this one is a refit of; NULL: not a refit */
} fd_served_model;

/* Takes the model over. `row` is copied without its bytes and reason. Where it has no prior
 * precision, it gets the one under which rewards vary by about one. */
int fd_served_model_new(fi_model *model, const fd_model_row *row,
                        fd_served_model **ret) FD_MUST_CHECK;

/* A copy of `served` with another last layer, which was fitted to the first revisions and the
 * labels that count among them. */
int fd_served_model_refit(fd_served_model *served, const fi_last_layer *layer, size_t revisions,
                          uint64_t labels, fd_served_model **ret) FD_MUST_CHECK;

/* D of last_layer.h: how many answers carry what one independent answer would. */
static inline double fd_served_model_design_effect(const fd_served_model *served) {
    const fi_last_layer *layer = fi_model_last_layer(served->model);
    return layer ? layer->design_effect : 1.0;
}

/* The model as it was trained: `served` itself if it is not a refit. */
static inline fd_served_model *fd_served_model_trained(fd_served_model *served) {
    return served->trained ? served->trained : served;
}

/* What the training knew of the annotators; NULL: nothing. */
static inline const fi_reliabilities *fd_served_model_reliabilities(const fd_served_model *served) {
    return served->trained ? served->trained->reliabilities : served->reliabilities;
}

fd_served_model *fd_served_model_reference(fd_served_model *served);
void fd_served_model_free(fd_served_model *served); /* drops one reference */
FD_DEFINE_CLEANUP(fd_served_model, fd_served_model_free)

#endif
