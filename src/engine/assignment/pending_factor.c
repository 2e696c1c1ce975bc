/* Copies the factor under the lock, changes the copy, and puts it back if nobody was faster. */
#include "pending_factor.h"

#include <errno.h>
#include <stdlib.h>

#include "snapshot_rows.h"
#include "thread.h"

FD_DEFINE_CLEANUP(fi_factor, fi_factor_free)

enum { TRIES = 4 };

void fd_pending_factor_init(fd_pending_factor *pending) {
    (void)pthread_mutex_init(&pending->lock, NULL);
}

void fd_pending_factor_clear(fd_pending_factor *pending) {
    fi_factor_free(pending->factor);
    (void)pthread_mutex_destroy(&pending->lock);
}

int fd_pending_factor_copy(fd_pending_factor *pending, const fd_snapshot *snapshot, fi_factor **ret,
                           uint64_t *ret_changes) {
    FD_LOCKED(&pending->lock);
    *ret_changes = pending->changes;
    bool fits = pending->factor && pending->width == snapshot->features->width &&
                pending->model == fd_served_model_trained(snapshot->served);
    return fi_factor_copy(fits ? pending->factor : snapshot->design, ret);
}

bool fd_pending_factor_replace(fd_pending_factor *pending, const fd_snapshot *snapshot,
                               fi_factor **factor, uint64_t changes) {
    FD_CLEANUP(fi_factor_freep) fi_factor *old = NULL;
    FD_LOCKED(&pending->lock);
    if (pending->changes != changes)
        return false;
    old = pending->factor;
    pending->factor = FD_STEAL(*factor);
    pending->model = fd_served_model_trained(snapshot->served);
    pending->width = snapshot->features->width;
    pending->changes++;
    return true;
}

/* Each counts 1 / D, as its answer will. */
static void add_rows(fi_factor *factor, const fd_snapshot_rows *rows, double effect,
                     double *difference) {
    size_t width = rows->candidates.n_features;
    for (size_t i = 0; i < rows->candidates.n_pairs; i++) {
        fi_pair pair = rows->pairs[i];
        for (size_t j = 0; j < width; j++)
            difference[j] = (double)rows->features[pair.a * width + j] -
                            (double)rows->features[pair.b * width + j];
        double weight = fi_weight((double)rows->rewards[pair.a] - (double)rows->rewards[pair.b]);
        fi_factor_update(factor, weight / effect, difference);
    }
}

int fd_pending_factor_add(fd_pending_factor *pending, const fd_snapshot *snapshot, bool fresh,
                          const fi_pair *pairs, size_t n) {
    FD_CLEANUP(fd_snapshot_rows_clear) fd_snapshot_rows rows = {0};
    FD_FREE double *difference = calloc(snapshot->features->width, sizeof(*difference));
    int r = difference ? fd_snapshot_rows_copy(snapshot, pairs, n, &rows) : -ENOMEM;
    bool done = false;
    for (int i = 0; i < TRIES && r == 0 && !done; i++) {
        FD_CLEANUP(fi_factor_freep) fi_factor *factor = NULL;
        uint64_t changes;
        r = fd_pending_factor_copy(pending, snapshot, &factor, &changes);
        if (r == 0 && fresh) {
            fi_factor_free(FD_STEAL(factor));
            r = fi_factor_copy(snapshot->design, &factor);
        }
        if (r == 0) {
            add_rows(factor, &rows, fd_served_model_design_effect(snapshot->served), difference);
            done = fd_pending_factor_replace(pending, snapshot, &factor, changes);
        }
    }
    return r;
}
