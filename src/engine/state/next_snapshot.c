/* Extends the snapshot that serves, or another model's, to what a transaction stored. Until the
 * first training an untrained model serves. */
#include "next_snapshot.h"

#include <assert.h>
#include <string.h>

FD_DEFINE_CLEANUP(fi_model, fi_model_free)

/* An untrained model takes its input statistics from at most this many items: more would slow the
 * start down, and the first training looks at all of them. */
enum { UNTRAINED_ITEMS = 20000 };

static int untrained_model(const fd_engine *engine, size_t n_items, fi_model **ret) {
    const fd_engine_options *options = &engine->options;
    uint32_t dimension = (uint32_t)engine->embeddings->width;
    fi_shape shape = {
        .inputs = dimension,
        .components = options->components < dimension ? options->components : dimension,
        .hidden_layers = options->kind == FI_KIND_NETWORK ? options->hidden_layers : 0,
        .hidden_width = options->hidden_width,
    };
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    int r = fi_model_new(&shape, options->seed, &model);
    if (r == 0)
        r = fi_model_fit_inputs(model, n_items, engine->embeddings->data);
    if (r < 0)
        return r;
    /* It knows nothing about any pair: p is one half. */
    fi_layer beta = fi_model_layer(model, fi_model_shape(model)->hidden_layers);
    memset(beta.weights, 0, beta.inputs * sizeof(*beta.weights));
    *ret = FD_STEAL(model);
    return 0;
}

static int untrained_snapshot(const fd_engine *engine, const fd_pending *pending,
                              fd_snapshot **ret) {
    size_t n_items = pending->items < UNTRAINED_ITEMS ? pending->items : UNTRAINED_ITEMS;
    FD_CLEANUP(fi_model_freep) fi_model *model = NULL;
    FD_CLEANUP(fd_served_model_freep) fd_served_model *served = NULL;
    int r = untrained_model(engine, n_items, &model);
    if (r < 0)
        return r;
    fd_model_row row = {.items = n_items, .prior_precision = engine->options.prior_precision};
    r = fd_served_model_new(model, &row, &served);
    if (r < 0)
        return r;
    (void)FD_STEAL(model);
    return fd_snapshot_new(served, ret);
}

/* Whether an untrained model took its input statistics from half of the items or fewer. */
static bool is_outgrown(const fd_snapshot *base, const fd_pending *pending) {
    const fd_model_row *row = &base->served->row;
    return row->version == 0 && row->items < UNTRAINED_ITEMS && pending->items >= 2 * row->items;
}

int fd_next_snapshot(fd_engine *engine, const fd_pending *pending, fd_snapshot **ret) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *untrained = NULL;
    const fd_snapshot *base = pending->base ? pending->base : engine->snapshot;

    *ret = NULL;
    if (pending->items == 0)
        return 0;
    if (!base || is_outgrown(base, pending)) {
        int r = untrained_snapshot(engine, pending, &untrained);
        if (r < 0)
            return r;
        base = untrained;
        assert(base);
    }
    if (base == engine->snapshot && base->items == pending->items &&
        base->revisions == pending->revisions)
        return 0;
    return fd_snapshot_extend(base, engine->embeddings, pending->items, engine->labels.revisions,
                              pending->revisions, NULL, ret);
}
