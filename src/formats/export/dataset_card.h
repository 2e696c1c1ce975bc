/*
 * The dataset card: what the labels of an export are, in Markdown, for whoever trains on them: how
 * many, how far people agree, how the pairs were chosen, and what that means. Pure: rows come in,
 * text goes out.
 */
#ifndef FD_DATASET_CARD_H
#define FD_DATASET_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export_format.h"
#include "macros.h"
#include "store_rows.h"

enum {
    FD_CARD_MEMORY_OF_A_LABEL = 512, /* bytes that a label takes at most, but for its texts */
    FD_CARD_STRATEGIES_MAX = 32,
    FD_CARD_ARMS = 3, /* active, control, not known */
};

/* Labels of one arm. */
typedef struct fd_card_arm {
    uint64_t labels;   /* that count */
    uint64_t asked;    /* a or b, with a known p that is not one half */
    uint64_t agreeing; /* of these, what the model thought more probable */
} fd_card_arm;

typedef struct fd_dataset_card {
    uint64_t by_preference[FD_PREFER_RETRACTED + 1];
    uint64_t corrected;
    int64_t first_ms, last_ms; /* of labels that count */
    fd_card_arm arms[FD_CARD_ARMS];
    uint64_t sided, left; /* a or b, where the side is known; of these, the one on the left */
    int64_t first_version, last_version; /* that chose pairs; -1: none */
    struct {
        char name[32];
        uint64_t labels;
    } strategies[FD_CARD_STRATEGIES_MAX];
    size_t n_strategies;
    int64_t *durations; /* [n_durations] of labels that count */
    size_t n_durations, durations_capacity;
    struct fd_card_name *annotators; /* a hash by name, as the next one */
    struct fd_card_name *prompts;
    struct fd_card_pair *pairs; /* a hash by the two items */
    struct fd_card_item *items; /* a hash by the index */
} fd_dataset_card;

/* Starts as all zero but for the versions. */
void fd_dataset_card_open(fd_dataset_card *card);
void fd_dataset_card_clear(fd_dataset_card *card);

/* Adds the newest revision of a label. -ENOMEM. */
int fd_dataset_card_add(fd_dataset_card *card, const fd_labelled_pair *pair) FD_MUST_CHECK;

/* Answers to pairs that were answered more than once. */
typedef struct fd_card_agreement {
    uint64_t pairs;
    uint64_t couples;  /* of two answers to one pair */
    uint64_t agreeing; /* of these */
    double alpha;      /* Krippendorff's, of the three answers as names; NaN: not defined */
} fd_card_agreement;

fd_card_agreement fd_dataset_card_agreement(const fd_dataset_card *card);

/* What is known beside the labels. */
typedef struct fd_card_surroundings {
    const fd_export_settings *settings; /* what was asked for */
    const char *version;                /* of the program */
    bool has_names;                     /* the names of annotators are written */
    bool has_model;
    fd_model_row model;   /* the one that serves, without bytes */
    const char *embedder; /* NULL: not known */
    size_t dimension;
} fd_card_surroundings;

/* Sorts the durations. -EIO when the sink takes no more or there is no memory. */
int fd_dataset_card_write(fd_dataset_card *card, const fd_card_surroundings *surroundings,
                          const fd_export_sink *sink) FD_MUST_CHECK;

/* Annotators in the order of their labels, the most first; the caller frees the list, not the
 * names. -ENOMEM. */
typedef struct fd_card_annotator {
    const char *name;
    uint64_t labels;
} fd_card_annotator;

int fd_dataset_card_annotators(const fd_dataset_card *card, fd_card_annotator **ret,
                               size_t *ret_n) FD_MUST_CHECK;

typedef struct fd_card_sizes {
    size_t annotators, pairs, items, prompts;
} fd_card_sizes;

fd_card_sizes fd_dataset_card_sizes(const fd_dataset_card *card);

#endif
