/* The records of pairs: what is known about each pair that lies ready, or was ever assigned or
 * answered. Guarded by the lock of the assignments. */
#ifndef FD_PAIR_RECORDS_H
#define FD_PAIR_RECORDS_H

#include <fisher/model.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "hash.h"
#include "macros.h"
#include "store_rows.h"

/* What one annotator did with a pair. */
typedef struct fd_pair_annotator {
    uint32_t number;
    uint32_t answers; /* labels that count: a, b or tie */
    uint32_t skips;   /* labels */
} fd_pair_annotator;

/* Counts people, not labels: somebody who answers a pair three times counts once. */
typedef struct fd_pair_record {
    uint64_t key;      /* fd_pair_key */
    uint32_t answered; /* annotators with an answer */
    uint32_t skipped;  /* annotators that only skipped it */
    uint32_t open;     /* leases */
    bool ready;        /* lies in a ready queue */
    bool unfinished;   /* is in the list of unfinished pairs */
    size_t n_annotators;
    fd_pair_annotator *annotators; /* [n_annotators] that had the pair or have it */
    UT_hash_handle hh;
} fd_pair_record;

typedef struct fd_pair_records {
    fd_pair_record *by_key;
} fd_pair_records;

/* NULL if there is none. */
fd_pair_record *fd_pair_records_find(const fd_pair_records *records, fi_pair pair);

/* NULL without memory. */
fd_pair_record *fd_pair_records_get_or_add(fd_pair_records *records, fi_pair pair);

/* Frees a record that holds no information. */
void fd_pair_records_free_if_unused(fd_pair_records *records, fd_pair_record *record);
void fd_pair_records_clear(fd_pair_records *records);

bool fd_pair_record_has_annotator(const fd_pair_record *record, uint32_t annotator);
int fd_pair_record_add_annotator(fd_pair_record *record, uint32_t annotator); /* -ENOMEM */

/* Removes an annotator unless a label of theirs is left. */
void fd_pair_record_remove_annotator(fd_pair_record *record, uint32_t annotator);

/* Counts the change of a label of an annotator from one preference to another; a new label was
 * FD_PREFER_RETRACTED before. -ENOMEM. */
int fd_pair_record_count(fd_pair_record *record, uint32_t annotator, fd_preference before,
                         fd_preference after) FD_MUST_CHECK;

/* How many more annotators shall get the pair. The key decides whether the pair belongs to the
 * share of pairs that several annotators answer. */
size_t fd_pair_record_annotators_wanted(const fd_engine_options *options,
                                        const fd_pair_record *record);

#endif
