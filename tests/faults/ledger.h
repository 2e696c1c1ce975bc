/*
 * A scripted run through the store that remembers what was acknowledged. After a fault, a reopened
 * store is compared with it row by row: each transaction must be there as a whole, or not at all.
 */
#ifndef FD_FAULTS_LEDGER_H
#define FD_FAULTS_LEDGER_H

#include "store.h"

enum { LEDGER_STEPS_MAX = 512, LEDGER_ROWS_MAX = 4096, LEDGER_DIMENSION = 24 };

/* The content of a store after a step. */
typedef struct ledger_state {
    size_t items;
    size_t rows; /* revisions of labels */
    size_t models;
    uint64_t active;
    size_t assigned; /* assignments, of which the first `ended` have ended */
    size_t ended;
    size_t scores;
    uint64_t project; /* its newest version */
} ledger_state;

typedef struct ledger_label {
    size_t label; /* its number */
    uint32_t revision;
} ledger_label;

typedef struct fd_ledger {
    ledger_state states[LEDGER_STEPS_MAX]; /* [acknowledged + 2]; the last one may be under way */
    size_t acknowledged;
    bool under_way; /* a transaction that leads to the next state was not acknowledged */
    size_t labels;
    uint32_t revisions[LEDGER_ROWS_MAX]; /* the newest of each label */
    ledger_label rows[LEDGER_ROWS_MAX];  /* the history */
} fd_ledger;

/* The transactions of a script. */
typedef enum ledger_step {
    LEDGER_ITEMS,
    LEDGER_LABELS,
    LEDGER_REVISION,
    LEDGER_ASSIGNMENTS, /* add two and end one */
    LEDGER_MODEL,       /* add one, activate it, prune older ones */
    LEDGER_SCORES,      /* set three, and change the project */
    LEDGER_STEP_COUNT
} ledger_step;

/* Runs one transaction and notes its result. After a failure it is rolled back. */
int ledger_run(fd_ledger *ledger, fd_store *store, ledger_step step) FD_MUST_CHECK;

typedef enum ledger_verdict {
    LEDGER_SOUND,
    LEDGER_LOST,   /* an acknowledged transaction is missing; the rest is unchanged */
    LEDGER_BROKEN, /* the content was never committed */
} ledger_verdict;

/* Compares a store with what was acknowledged; `finding` says what is wrong. With `settle`, a
 * transaction under way that is in the store counts as acknowledged from now on. */
ledger_verdict ledger_compare(fd_ledger *ledger, fd_store *store, bool settle, char *finding,
                              size_t size);

#endif
