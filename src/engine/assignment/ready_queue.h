/* The ready queues, one for each arm: the pairs that lie ready to be assigned. Guarded by the lock
 * of the assignments. */
#ifndef FD_READY_QUEUE_H
#define FD_READY_QUEUE_H

#include "pair_records.h"
#include "ready_pair.h"

/* What an annotator has passed: places of one queue, whose pairs the annotator had. */
typedef struct fd_passed_places {
    int64_t first, end;
} fd_passed_places;

typedef struct fd_ready_queue {
    size_t count, capacity, place_capacity;
    fd_ready_pair **pairs; /* [count], the next one first */
    int64_t *places;       /* [count] rising; a pair keeps its place as long as it lies here */
    int64_t front, back;   /* the next places before and behind all */
    size_t passed_capacity;
    fd_passed_places *passed; /* [passed_capacity], by annotator */
} fd_ready_queue;

typedef struct fd_ready_queues {
    fd_ready_queue arms[FD_ARM_COUNT];
    bool items_have_texts; /* only comparable pairs lie here then */
    fd_pair_records *records;
    const fd_engine_options *options;
} fd_ready_queues;

/* Puts a pair to the front or to the end of the queue of its arm, and takes a reference to it.
 * Nothing happens if the pair lies ready already, nobody else may get it or people cannot compare
 * it. */
int fd_ready_queues_put(fd_ready_queues *queues, fd_ready_pair *ready_pair,
                        bool first) FD_MUST_CHECK;

/* The first pair of an arm that an annotator may get; NULL if there is none. With many annotators
 * for each pair, those that had the first ones do not look at them again. *ret_behind: pairs before
 * it, or all of them. */
fd_ready_pair *fd_ready_queues_find(fd_ready_queues *queues, fd_arm arm, uint32_t annotator,
                                    size_t *ret_behind);

/* A pair that the annotator had may go to the annotator again. */
void fd_ready_queues_forget_passed(fd_ready_queues *queues, uint32_t annotator);

/* Removes a pair from the queues if nobody else may get it. */
void fd_ready_queues_remove_finished(fd_ready_queues *queues, fd_pair_record *record);

/* Removes the pairs of the active arm that nobody has, has answered or has skipped yet. */
void fd_ready_queues_drop_untouched(fd_ready_queues *queues);

/* Items have texts from now on: removes the pairs that people cannot compare. */
void fd_ready_queues_keep_comparable(fd_ready_queues *queues);

/* Pairs of an arm that an annotator may get; with FD_NOBODY all. */
size_t fd_ready_queues_count(fd_ready_queues *queues, fd_arm arm, uint32_t annotator);

void fd_ready_queues_clear(fd_ready_queues *queues);

#endif
