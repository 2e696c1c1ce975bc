/* The records of pairs: what is known about each pair that lies ready, or was ever assigned or
 * answered. Guarded by the lock of the assignments. */
#ifndef FD_PAIR_RECORDS_H
#define FD_PAIR_RECORDS_H

#include <fisher/model.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"

/* What one annotator did with a pair. */
typedef struct fd_pair_annotator {
    uint32_t number;
    uint32_t answers; /* labels that count: a, b or tie */
    uint32_t skips;   /* labels */
} fd_pair_annotator;

/* Counts people, not labels: somebody who answers a pair three times counts once. There may be ten
 * millions of records, so each is small. */
typedef struct fd_pair_record {
    uint64_t key;               /* fd_pair_key */
    uint32_t answered;          /* annotators with an answer */
    uint32_t skipped;           /* annotators that only skipped it */
    uint32_t open;              /* leases */
    uint32_t n_annotators : 30; /* that had the pair or have it */
    uint32_t ready : 1;         /* lies in a ready queue */
    uint32_t unfinished : 1;    /* is in the list of unfinished pairs */
    union {
        fd_pair_annotator one;   /* where there is one annotator */
        fd_pair_annotator *many; /* [n_annotators] where there are more */
    };
} fd_pair_record;

/* Records never move. The index by key is cut into parts, which grow one by one, so that no request
 * waits for all of it. */
enum { FD_PAIR_RECORD_PARTS = 1024 };

typedef struct fd_pair_records {
    size_t count;
    size_t n_chunks, capacity;
    fd_pair_record **chunks; /* [n_chunks] of some thousand records each */
    uint32_t made;           /* records that were ever in use, from the first one */
    uint32_t freed;          /* a record that is free, plus one; 0: none. Its key is the next one */
    struct fd_pair_record_part {
        uint32_t n_slots, used; /* 0, or a power of two; a quarter is free */
        uint32_t *slots;        /* [n_slots] the number of the record plus one; 0: empty */
    } parts[FD_PAIR_RECORD_PARTS];
} fd_pair_records;

/* Has the processor fetch what finding a record needs, for those who need many: first its slot, and
 * some time later the record. */
void fd_pair_records_prefetch_slot(const fd_pair_records *records, fi_pair pair);
void fd_pair_records_prefetch(const fd_pair_records *records, fi_pair pair);

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
