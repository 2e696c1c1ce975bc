/*
 * A snapshot: one consistent, immutable view for reading. Requests take a reference under the state
 * lock, work without any lock, and drop it; the last reader frees it.
 */
#ifndef FD_SNAPSHOT_H
#define FD_SNAPSHOT_H

#include <fisher/design.h>
#include <stdatomic.h>

#include "macros.h"
#include "rows.h"
#include "store.h"
#include "tables.h"

/* A model and what is known of it, shared by the snapshots it serves in. */
typedef struct fd_served_model {
    atomic_size_t references;
    fi_model *model;
    fd_model_row row; /* version 0: never trained; bytes and reason are not kept */
} fd_served_model;

/* Takes the model; `row` is copied without its bytes and reason, and with a prior precision under
 * which rewards vary by about one where it has none. */
int fd_served_model_new(fi_model *model, const fd_model_row *row,
                        fd_served_model **ret) FD_MUST_CHECK;
fd_served_model *fd_served_model_reference(fd_served_model *served);
void fd_served_model_free(fd_served_model *served); /* drops one reference */
FD_DEFINE_CLEANUP(fd_served_model, fd_served_model_free)

typedef struct fd_snapshot {
    atomic_size_t references;
    fd_served_model *served;
    size_t items;         /* rows of features and rewards that count */
    fd_rows *features;    /* [items x h] */
    fd_rows *rewards;     /* [items x 1] */
    size_t answers;       /* answers in `past` */
    fi_information *past; /* their information */
    fi_factor *design;    /* the factor of M = past + prior */
} fd_snapshot;

fd_snapshot *fd_snapshot_reference(fd_snapshot *snapshot);
void fd_snapshot_free(fd_snapshot *snapshot); /* drops one reference */
FD_DEFINE_CLEANUP(fd_snapshot, fd_snapshot_free)

/* A snapshot of no item and no answer. */
int fd_snapshot_new(fd_served_model *served, fd_snapshot **ret) FD_MUST_CHECK;

/*
 * The snapshot `base` with what came since: features of the embeddings from row base->items to
 * n_items, information of the answers from base->answers to n_answers. Only the writer, or the
 * one thread that owns `base`, may call it, since it appends to base's rows.
 */
int fd_snapshot_extend(const fd_snapshot *base, fd_rows *embeddings, size_t n_items,
                       const fd_answer *answers, size_t n_answers, fd_snapshot **ret) FD_MUST_CHECK;

#endif
