/*
 * Rows of the store: items, the history of labels, and models. Rows that go in are borrowed for the
 * call; rows that come out are handed to a callback and valid only inside it.
 */
#ifndef FD_STORE_ROWS_H
#define FD_STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fd_item_row {
    uint32_t index; /* dense from 0 in the order of arrival; given by the store */
    const char *id;
    const char *prompt_id;
    const char *prompt; /* NULL if not given, as are response and metadata */
    const char *response;
    const char *metadata; /* JSON text */
    const float *embedding;
    size_t dimension;
    int64_t created_ms;
} fd_item_row;

typedef enum fd_preference {
    FD_PREFER_A,
    FD_PREFER_B,
    FD_PREFER_TIE,
    FD_PREFER_SKIP,
    FD_PREFER_RETRACTED, /* a later revision takes the label back */
} fd_preference;

/* What a person may answer: "a", "b", "tie", "skip", NULL. */
extern const char *const fd_preference_names[];
const char *fd_preference_name(fd_preference preference);      /* the same, or "retracted" */
int fd_preference_parse(const char *name, fd_preference *ret); /* -EINVAL; not "retracted" */

/*
 * One revision of a label. The history is append-only: revision 0 is the answer as it was given,
 * later ones correct or retract it, and the newest counts.
 */
typedef struct fd_label_row {
    int64_t sequence; /* place in the history, from 1; given by the store */
    int64_t original; /* that of the label's revision 0; given by the store */
    const char *id;   /* the client's */
    uint32_t revision;
    uint32_t item_a;
    uint32_t item_b;
    fd_preference preference;
    const char *annotator;
    const char *assignment; /* NULL if none */
    int64_t duration_ms;    /* -1 if not given */
    int64_t created_ms;
    const char *comment; /* NULL if none */
} fd_label_row;

/* A correction, or a retraction, of the label with an id. */
typedef struct fd_label_change {
    const char *id;
    fd_preference preference;
    int64_t duration_ms; /* -1: as it was */
    const char *comment; /* NULL: as it was */
    int64_t created_ms;
    const char *annotator; /* whose label alone it may be; NULL: anyone's */
} fd_label_change;

/* What became of it. */
typedef struct fd_label_changed {
    int64_t original; /* the place of revision 0 in the history */
    uint32_t revision;
    fd_preference before;
    bool changed; /* false: the newest revision said so already, and nothing was written */
} fd_label_changed;

typedef enum fd_model_state {
    FD_MODEL_STORED,   /* served, or may serve */
    FD_MODEL_ACTIVE,   /* serves: one at most */
    FD_MODEL_REJECTED, /* came out worse than what served, and never did */
} fd_model_state;

const char *fd_model_state_name(fd_model_state state);           /* "stored", … */
int fd_model_state_parse(const char *name, fd_model_state *ret); /* -EINVAL */

/* A model and its figures, NaN where unknown. */
typedef struct fd_model_row {
    uint64_t version; /* from 1, ascending */
    fd_model_state state;
    const char *reason;   /* why it was rejected; NULL otherwise */
    uint64_t parent;      /* version that the training started from; 0: none */
    int scratch;          /* 1: it started from fresh weights, 0: not, -1: unknown */
    const uint8_t *bytes; /* NULL where they were not asked for */
    size_t size;
    uint64_t labels; /* labels that count it was trained and tested on */
    uint64_t items;  /* items its input statistics were taken from */
    uint32_t iterations;
    double prior_precision; /* lambda */
    double train_loss;
    uint64_t held_out_labels;
    double held_out_loss;
    double held_out_accuracy;
    double held_out_accuracy_low; /* its 95% interval */
    double held_out_accuracy_high;
    double held_out_calibration_error;
    uint64_t control_labels; /* held-out labels of pairs that were drawn at random */
    double control_accuracy; /* on those */
    double seconds;          /* of training */
    int64_t created_ms;
    int64_t answers; /* rows of the history that the training knew, the first ones; -1: unknown */
    double logdet;   /* log det of their information and the prior; NaN: unknown */
} fd_model_row;

/* What became of a list of rows. */
typedef struct fd_added {
    size_t created;
    size_t unchanged; /* rows that were there already with the same content */
    size_t conflict;  /* with -EEXIST: the first row whose id is taken by other content */
} fd_added;

typedef struct fd_counts {
    uint64_t items;
    uint64_t labels;     /* label ids, whatever their newest revision says */
    uint64_t label_rows; /* revisions */
    uint64_t models;
} fd_counts;

/* What a backup holds. */
typedef struct fd_backup {
    uint64_t bytes;
    fd_counts counts;
} fd_backup;

/* A callback ends the reading by returning anything but 0; the call then returns that. */
typedef int fd_item_visit(void *context, const fd_item_row *row);
typedef int fd_label_visit(void *context, const fd_label_row *row);
typedef int fd_model_visit(void *context, const fd_model_row *row);
typedef int fd_finding_visit(void *context, const char *finding);

#endif
