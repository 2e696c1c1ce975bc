/*
 * The label table: the revisions of all labels in memory, in the order of the history.
 *
 * It only grows, in two steps like the item table: reserve room before the commit, add after it.
 */
#ifndef FD_LABEL_TABLE_H
#define FD_LABEL_TABLE_H

#include <fisher/model.h>
#include <stdbool.h>

#include "assignment_id.h"
#include "macros.h"
#include "pair_set.h"
#include "store_rows.h"

/*
 * One revision of a label. Its sequence number in the store is its index here plus one. The newest
 * revision of a label counts; this holds for any first part of the list too, so a copy of the first
 * n revisions is consistent.
 */
typedef struct fd_label_revision {
    fi_pair pair;
    uint32_t label;     /* index of the label's revision 0 */
    uint32_t annotator; /* number, as in annotators.h */
    uint8_t preference; /* fd_preference */
    uint8_t newest;     /* of revision 0: the preference of the newest revision */
    int8_t information; /* what this revision does to the information: 1 adds that of the pair, -1
                           takes it away, 0 leaves it */
    uint16_t origin;    /* of revision 0: the arm, p and side, as in assignment_id.h */
    int64_t created_ms;
    int64_t duration_ms; /* -1 if not known */
    uint64_t assignment; /* of revision 0 with an origin: the number of its assignment */
} fd_label_revision;

/* The labels that have an origin, by the number of their assignment: open addressing. */
typedef struct fd_claims {
    size_t n_slots; /* a power of two, or 0; a quarter is free */
    size_t used;
    uint32_t *slots; /* [n_slots] the index of revision 0 plus one; 0: empty */
} fd_claims;

typedef struct fd_label_table {
    size_t count;
    size_t capacity;
    size_t reserved;              /* revisions that have room, here and in both sets */
    fd_label_revision *revisions; /* [count] */
    size_t counting;              /* labels whose newest revision is a, b or tie */
    fd_pair_set labelled; /* the pair of each label that is not retracted, skipped ones too */
    fd_claims claims;
    size_t by_preference[FD_PREFER_RETRACTED + 1]; /* labels, by their newest revision */
} fd_label_table;

/* Larger ones in the place of those that a table has. */
typedef struct fd_label_room {
    fd_pair_set labelled;
    fd_claims claims;
} fd_label_room;

/* Makes what `extra` more revisions need, which takes long. The only thread that changes the table
 * may call it without the lock. */
int fd_label_room_new(const fd_label_table *table, size_t extra, fd_label_room *ret) FD_MUST_CHECK;

/* Exchanges what is larger in `room`, which no revision was added to since it was made. */
void fd_label_room_exchange(fd_label_table *table, fd_label_room *room);
void fd_label_room_clear(fd_label_room *room);

/* Makes room for `extra` more revisions, so that adding them cannot fail. */
int fd_label_table_reserve(fd_label_table *table, size_t extra) FD_MUST_CHECK;

/* The revision that a stored row is; the writer and the replay of the store both make it here.
 * `label`: the index of the label's revision 0. */
fd_label_revision fd_label_revision_of(const fd_label_row *row, uint32_t label, uint32_t annotator);

/* Adds the next revision, for which room was reserved. `newest`, `information` and, of the first
 * revision of a label, `origin` are set here: only the first label of an assignment has one. Later
 * revisions have that of the first. */
void fd_label_table_add(fd_label_table *table, const fd_label_revision *revision, fd_origin origin);

/* Has the processor fetch what adding a label needs, for those who add many. */
void fd_label_table_prefetch(const fd_label_table *table, fi_pair pair, uint64_t assignment);

void fd_label_table_clear(fd_label_table *table);

/* Labels among the first n revisions whose newest of those is a, b or tie. */
uint64_t fd_label_revisions_counting(const fd_label_revision *revisions, size_t n);

/* Whether a model learns from a preference: not from a skip or a retraction. */
static inline bool fd_preference_counts(fd_preference preference) {
    return preference == FD_PREFER_A || preference == FD_PREFER_B || preference == FD_PREFER_TIE;
}

/* The probability that a is preferred, as a training target; 0.5 for one that does not count. */
static inline float fd_preference_probability(fd_preference preference) {
    return preference == FD_PREFER_A ? 1.0f : preference == FD_PREFER_B ? 0.0f : 0.5f;
}

/* What a change of a label does to the information of its pair: 1, -1 or 0. */
static inline int8_t fd_information_change(fd_preference before, fd_preference after) {
    return (int8_t)(fd_preference_counts(after) - fd_preference_counts(before));
}

#endif
