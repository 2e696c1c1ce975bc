/*
 * The default of each option of the engine, in one place: fd_engine_defaults and the command line
 * (src/service/options.def) both take them from here.
 */
#ifndef FD_ENGINE_DEFAULTS_H
#define FD_ENGINE_DEFAULTS_H

#define FD_DEFAULT_STRATEGY "i-opt"
#define FD_BEST_OF_N_STRATEGY "knowledge-gradient" /* where the best responses are wanted */
#define FD_DEFAULT_PRIOR_PRECISION 0
#define FD_DEFAULT_MAX_PER_ITEM 0
#define FD_DEFAULT_MAX_PER_PROMPT 0
#define FD_DEFAULT_COPY_DISTANCE 0.02
#define FD_DEFAULT_CANDIDATES "in_prompt"
#define FD_DEFAULT_CANDIDATES_PER_PAIR 32
#define FD_DEFAULT_CONTESTED 1
#define FD_DEFAULT_READY 32
#define FD_DEFAULT_LEASE_SECONDS 600
#define FD_DEFAULT_LEASES_PER_ANNOTATOR 100
#define FD_DEFAULT_CORRECTIONS_PER_MINUTE 60
#define FD_DEFAULT_REDUNDANCY 1
#define FD_DEFAULT_REDUNDANCY_SHARE 1
#define FD_DEFAULT_CONTROL_FRACTION 0.1
#define FD_DEFAULT_MAX_SKIPS 2
#define FD_DEFAULT_HIDDEN_LAYERS 2
#define FD_DEFAULT_HIDDEN_WIDTH 64
#define FD_DEFAULT_COMPONENTS 128
#define FD_DEFAULT_RETRAIN_LABELS 100
#define FD_DEFAULT_RETRAIN_SECONDS 60
#define FD_DEFAULT_MODELS_KEPT 20
#define FD_DEFAULT_HELD_OUT 0
#define FD_DEFAULT_STOP_BELOW 0.005
#define FD_DEFAULT_STUCK_SECONDS 600
#define FD_DEFAULT_PROMPT_DIMENSION 0
#define FD_DEFAULT_SEED 0

/* The default as text: FD_DEFAULT_TEXT(READY) is "32". */
#define FD_DEFAULT_TEXT_(value) #value
#define FD_DEFAULT_TEXT_OF(value) FD_DEFAULT_TEXT_(value)
#define FD_DEFAULT_TEXT(name) FD_DEFAULT_TEXT_OF(FD_DEFAULT_##name)

#endif
