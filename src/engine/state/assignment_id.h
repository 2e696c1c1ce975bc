/*
 * Assignment ids. An id carries the arm of the assignment and the model's probability that the item
 * on the left is preferred, so a label that names its assignment shows where the answer came from,
 * even if a crash lost the assignment's row. A hash under the store's key, over the pair and the
 * annotator too, proves that this pair was handed to this annotator: a made-up id has no origin.
 */
#ifndef FD_ASSIGNMENT_ID_H
#define FD_ASSIGNMENT_ID_H

#include <fisher/model.h>
#include <stdbool.h>
#include <stdint.h>

#include "store_rows.h"

enum { FD_ASSIGNMENT_ID_SIZE = 54 };

/* Where a label comes from: the arm, and in the lowest 12 bits the model's probability that a is
 * preferred, in 4094ths. FD_ORIGIN_EVEN is one half. */
enum {
    FD_ORIGIN_NONE = 0,
    FD_ORIGIN_ACTIVE = 1 << 12,
    FD_ORIGIN_CONTROL = 2 << 12,
    FD_ORIGIN_SWAPPED = 4 << 12, /* in the label table: b was on the left */
    FD_ORIGIN_EVEN = 2047
};

typedef struct fd_origin {
    uint16_t arm_and_p;
    bool swapped;    /* b was on the left */
    uint64_t number; /* of the assignment, drawn at random */
} fd_origin;

/* Makes a fresh id for a pair, the item on the left first; `p` is the probability that this one is
 * preferred. Nobody can guess it: whoever knows an id can return the assignment. */
void fd_assignment_id_make(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE], fi_pair shown,
                           const char *annotator, bool control, double p,
                           char id[static FD_ASSIGNMENT_ID_SIZE]);

/* The origin of a label: FD_ORIGIN_NONE unless the assignment that it names was made of its pair,
 * whichever item it names first, for its annotator. */
fd_origin fd_origin_of(const unsigned char key[static FD_ASSIGNMENT_KEY_SIZE],
                       const fd_label_row *label);

#endif
