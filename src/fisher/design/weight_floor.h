/* When a model is too confident for its weights to tell candidates apart. */
#ifndef FI_WEIGHT_FLOOR_H
#define FI_WEIGHT_FLOOR_H

/* If no candidate's v reaches this, strategies choose as if each v were 1. */
#define FI_WEIGHT_FLOOR 1e-9

#endif
