/* A model with its figures, as the snapshots that serve it share it. */
#include "served_model.h"

#include <errno.h>
#include <stdlib.h>

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

int fd_served_model_new(fi_model *model, const fd_model_row *row, fd_served_model **ret) {
    fd_served_model *served = calloc(1, sizeof(*served));
    if (!served)
        return -ENOMEM;
    atomic_init(&served->references, 1);
    served->model = model;
    fd_inputs_name(model, served->inputs);
    served->row = *row;
    served->row.bytes = NULL;
    served->row.size = 0;
    served->row.reason = NULL;
    served->labels = row->labels;
    if (!(row->prior_precision > 0.0))
        served->row.prior_precision = (double)fi_model_feature_count(model);
    *ret = served;
    return 0;
}

int fd_served_model_refit(fd_served_model *served, const fi_last_layer *layer, size_t revisions,
                          uint64_t labels, fd_served_model **ret) {
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_copy(served->model, &model);
    if (r == 0)
        r = fi_model_set_last_layer(model, layer);
    if (r < 0)
        return r;
    fd_model_row row = served->row;
    row.prior_precision = layer->precisions[0];
    r = fd_served_model_new(model, &row, ret);
    if (r < 0)
        return r;
    (void)FD_STEAL(model);
    (*ret)->revisions = (*ret)->fitted = revisions;
    (*ret)->labels = labels;
    (*ret)->extra_changes = served->extra_changes;
    (*ret)->refits = served->refits + 1;
    (*ret)->trained = fd_served_model_reference(fd_served_model_trained(served));
    return 0;
}

fd_served_model *fd_served_model_reference(fd_served_model *served) {
    (void)atomic_fetch_add_explicit(&served->references, 1, memory_order_relaxed);
    return served;
}

void fd_served_model_free(fd_served_model *served) {
    if (!served || atomic_fetch_sub_explicit(&served->references, 1, memory_order_acq_rel) != 1)
        return;
    fd_served_model_free(served->trained);
    fi_model_free(served->model);
    fi_reliabilities_free(served->reliabilities);
    free(served);
}
