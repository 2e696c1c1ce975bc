/* The default options, and the system's clocks. */
#include "engine_options.h"

#include <assert.h>

#include "clock.h"
#include "engine_defaults.h"

static int64_t system_now_ms(void *context) {
    (void)context;
    return fd_wall_milliseconds();
}

static int64_t system_steady_ms(void *context) {
    (void)context;
    return (int64_t)(fd_monotonic_seconds() * 1e3);
}

fd_engine_options fd_engine_defaults(void) {
    fi_scope scope;
    int r = fi_scope_parse(FD_DEFAULT_CANDIDATES, &scope);
    assert(r == 0);
    return (fd_engine_options){
        .kind = FI_KIND_AUTO,
        .components = FD_DEFAULT_COMPONENTS,
        .hidden_layers = FD_DEFAULT_HIDDEN_LAYERS,
        .hidden_width = FD_DEFAULT_HIDDEN_WIDTH,
        .prior_precision = FD_DEFAULT_PRIOR_PRECISION,
        .strategy = FD_DEFAULT_STRATEGY,
        .max_per_item = FD_DEFAULT_MAX_PER_ITEM,
        .max_per_prompt = FD_DEFAULT_MAX_PER_PROMPT,
        .copy_distance = FD_DEFAULT_COPY_DISTANCE,
        .candidates = {.scope = scope,
                       .per_pair = FD_DEFAULT_CANDIDATES_PER_PAIR,
                       .contested = FD_DEFAULT_CONTESTED},
        .ready = FD_DEFAULT_READY,
        .redundancy = FD_DEFAULT_REDUNDANCY,
        .leases_per_annotator = FD_DEFAULT_LEASES_PER_ANNOTATOR,
        .corrections_per_minute = FD_DEFAULT_CORRECTIONS_PER_MINUTE,
        .redundancy_share = FD_DEFAULT_REDUNDANCY_SHARE,
        .control_fraction = FD_DEFAULT_CONTROL_FRACTION,
        .max_skips = FD_DEFAULT_MAX_SKIPS,
        .lease_seconds = FD_DEFAULT_LEASE_SECONDS,
        .models_kept = FD_DEFAULT_MODELS_KEPT,
        .refit = true,
        .retrain = FD_RETRAIN_SCRATCH,
        .retrain_labels = FD_DEFAULT_RETRAIN_LABELS,
        .retrain_seconds = FD_DEFAULT_RETRAIN_SECONDS,
        .stuck_seconds = FD_DEFAULT_STUCK_SECONDS,
        .stop_below = FD_DEFAULT_STOP_BELOW,
        .program = "",
        .checkpoint_rows = FD_DEFAULT_CHECKPOINT_ROWS,
        .train = fi_train_defaults(),
        .text_features = true,
        .prompt_dimension = FD_DEFAULT_PROMPT_DIMENSION,
        .seed = FD_DEFAULT_SEED,
        .now_ms = system_now_ms,
        .steady_ms = system_steady_ms,
    };
}
