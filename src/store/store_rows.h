/* Rows of the store: items, scores, the project, revisions of labels, assignments, model versions.
 */
#ifndef FD_STORE_ROWS_H
#define FD_STORE_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text features of an item, as an extractor of some version counted them. */
typedef struct fd_text_features_row {
    uint32_t index; /* of the item */
    uint32_t version;
    size_t count;
    const float *values; /* [count]; NULL: the item has none */
} fd_text_features_row;
/* A score that comes with an item. */
typedef struct fd_item_score {
    const char *name;
    double value;       /* NaN: it is withdrawn */
    bool for_new_items; /* of an item that is stored already it changes nothing */
} fd_item_score;

typedef struct fd_item_row {
    uint32_t index; /* from 0 without gaps, in the order of arrival; set by the store */
    const char *id;
    const char *prompt_id;
    const char *prompt; /* may be NULL, as may response and metadata */
    const char *response;
    const char *metadata; /* JSON text */
    const float *embedding;
    size_t dimension;
    fd_text_features_row text_features; /* without the index; not content, as created_ms */
    int64_t created_ms;
    const fd_item_score
        *scores; /* [n_scores] for the engine; the store neither keeps nor reads them */
    size_t n_scores;
} fd_item_row;

/* A score that somebody gave an item before anyone labelled it. The history is append-only: the
 * newest row of an item and a name counts. */
typedef struct fd_score_row {
    uint32_t item;
    const char *name;
    double value; /* NaN: withdrawn */
    int64_t set_ms;
} fd_score_row;

/* One version of the project's settings. The history is append-only, and the newest counts. */
typedef struct fd_project_row {
    uint64_t version;   /* from 1 without gaps */
    const char *author; /* NULL: unknown */
    int64_t created_ms;
    const char *settings; /* JSON text */
} fd_project_row;

/* The embedder of the items whose texts were embedded. */
typedef struct fd_embedder_row {
    const char *name;
    const char *template; /* of prompt and response */
    size_t dimension;
    size_t n_probes;
    const float *probes; /* [n_probes x dimension]: vectors of fixed texts */
    int64_t created_ms;
} fd_embedder_row;

typedef enum fd_preference {
    FD_PREFER_A,
    FD_PREFER_B,
    FD_PREFER_TIE,
    FD_PREFER_SKIP,
    FD_PREFER_RETRACTED, /* of a later revision: the label no longer counts */
} fd_preference;

/* The preferences that an answer can state: "a", "b", "tie", "skip"; NULL ends the list. */
extern const char *const fd_preference_names[];
const char *fd_preference_name(fd_preference preference); /* one of them, or "retracted" */

/* -EINVAL for any name that is not in the list. */
int fd_preference_parse(const char *name, fd_preference *ret);

/*
 * One revision of a label. The history is append-only: revision 0 is the first answer, later ones
 * correct or retract it, and the newest one counts.
 */
typedef struct fd_label_row {
    int64_t sequence; /* place in the history, from 1; set by the store */
    int64_t original; /* the sequence of the label's revision 0; set by the store */
    const char *id;   /* given by the client */
    uint32_t revision;
    uint32_t item_a;
    uint32_t item_b;
    fd_preference preference;
    const char *annotator;
    const char *assignment; /* may be NULL */
    int64_t duration_ms;    /* -1: unknown */
    int64_t created_ms;
    const char *comment;    /* may be NULL */
    bool is_old_assignment; /* revision 0 names an assignment that was made before ids had a hash;
                               set by the store */
} fd_label_row;

enum { FD_ASSIGNMENT_KEY_SIZE = 32 };

/* A pair that was handed to an annotator. -1, NULL and NaN: unknown. */
typedef struct fd_assignment_row {
    const char *id;
    uint32_t item_a;
    uint32_t item_b;
    const char *annotator;
    int64_t slot; /* annotators that had the pair before */
    bool control; /* of the control arm */
    double p;     /* the probability that item_a is preferred */
    double gain;
    const char *strategy;
    int swapped; /* 1: item_b was shown on the left, 0: item_a */
    int64_t model_version;
    int64_t expires_ms;
    int64_t ended_ms; /* -1: it is open */
} fd_assignment_row;

/* The newest revision of a label with its items and the assignment that it came from. */
typedef struct fd_labelled_pair {
    fd_label_row label;
    fd_item_row
        a; /* without embedding and text features; without texts unless they are asked for */
    fd_item_row b;
    fd_assignment_row assignment; /* of this pair, whichever item it names first, to this annotator;
                                     id NULL: the store has none. The engine turns it to a and b */
} fd_labelled_pair;

/* A correction, or a retraction, of the label with an id. */
typedef struct fd_label_change {
    const char *id;
    fd_preference preference;
    int64_t duration_ms; /* -1: unchanged */
    const char *comment; /* NULL: unchanged */
    int64_t created_ms;
    const char *annotator; /* only a label of this annotator; NULL: of anyone */
} fd_label_change;

/* The result of a change. */
typedef struct fd_label_changed {
    int64_t original; /* the sequence of revision 0 */
    uint32_t revision;
    fd_preference before;
    bool changed; /* false: the newest revision is the same, and nothing was written */
} fd_label_changed;

typedef enum fd_model_state {
    FD_MODEL_STORED,   /* has served, or may serve */
    FD_MODEL_ACTIVE,   /* serves; at most one does */
    FD_MODEL_REJECTED, /* was worse than the active one, and never served */
} fd_model_state;

const char *fd_model_state_name(fd_model_state state);           /* "stored", … */
int fd_model_state_parse(const char *name, fd_model_state *ret); /* -EINVAL */

enum { FD_EXAM_STAGES = 4 };

/*
 * Figures of a training about answers that its models had not seen, beyond those of the row. A
 * store keeps the numbers in this order, and reads what a row lacks as NaN: add new ones at the
 * end.
 */
typedef struct fd_unseen_figures {
    double length_labels; /* that the length baseline predicted */
    double length_loss;
    double length_accuracy;
    double active_labels; /* of pairs that a strategy chose */
    double active_accuracy;
    double active_accuracy_low;
    double active_accuracy_high;
    double control_accuracy_low;
    double control_accuracy_high;
    double choosing_answers; /* as in fi_choosing */
    double choosing_loss_difference;
    double choosing_stddev;
    double exam_answers; /* as in fi_exam */
    double exam_labels[FD_EXAM_STAGES];
    double exam_losses[FD_EXAM_STAGES];
    double exam_covariance[FD_EXAM_STAGES - 1][FD_EXAM_STAGES - 1];
} fd_unseen_figures;

/* Sets all of them to NaN. */
void fd_unseen_figures_clear(fd_unseen_figures *figures);

/* A model version and its figures; NaN: unknown. */
typedef struct fd_model_row {
    uint64_t version; /* from 1, ascending */
    fd_model_state state;
    const char *reason;   /* why it was rejected; NULL otherwise */
    uint64_t parent;      /* the version that the training started from; 0: none */
    int scratch;          /* 1: the training started from fresh weights, 0: not, -1: unknown */
    const uint8_t *bytes; /* NULL when they were not read */
    size_t size;
    uint64_t labels; /* that it was trained on, without those that do not count */
    uint64_t items;  /* that its input statistics were computed from */
    uint32_t iterations;
    double prior_precision; /* lambda */
    double train_loss;
    uint64_t held_out_labels; /* that a model which had not seen them predicted, as those below */
    double held_out_loss;
    double held_out_accuracy;
    double held_out_accuracy_low; /* its 95 % interval */
    double held_out_accuracy_high;
    double held_out_calibration_error;
    uint64_t control_labels; /* of these, labels of pairs that were drawn at random */
    double control_accuracy; /* on the control labels */
    double seconds;          /* that the training took */
    int64_t created_ms;
    int64_t answers; /* rows of the history that the training knew: its first ones; -1: unknown */
    double logdet;   /* log det of the information of those rows and the prior */
    fd_unseen_figures unseen;
    bool is_foreign; /* trained on the embeddings of another embedder than the items' */
} fd_model_row;

/* The result of adding a list of rows. */
typedef struct fd_added {
    size_t created;
    size_t unchanged; /* rows that were stored already, with the same content */
    size_t conflict;  /* with -EEXIST: the first row whose id is stored with other content */
    bool is_foreign;  /* with -EEXIST: the label that has the id is another annotator's */
} fd_added;

typedef struct fd_counts {
    uint64_t items;
    uint64_t labels;     /* ids of labels, including retracted ones */
    uint64_t label_rows; /* revisions of labels */
    uint64_t models;
} fd_counts;

/* The size and content of a backup. */
typedef struct fd_backup {
    uint64_t bytes;
    fd_counts counts;
} fd_backup;

/* A callback that returns anything but 0 ends the reading, and the operation returns the same. */
typedef int fd_item_visit(void *context, const fd_item_row *row);
typedef int fd_embedder_visit(void *context, const fd_embedder_row *row);
typedef int fd_score_visit(void *context, const fd_score_row *row);
typedef int fd_project_visit(void *context, const fd_project_row *row);
typedef int fd_label_visit(void *context, const fd_label_row *row);
typedef int fd_labelled_pair_visit(void *context, const fd_labelled_pair *pair);
typedef int fd_assignment_row_visit(void *context, const fd_assignment_row *row);
typedef int fd_model_visit(void *context, const fd_model_row *row);
typedef int fd_finding_visit(void *context, const char *finding);

#endif
