/* Candidates drawn from the item table: a sample of pairs, or all pairs of some items. */
#ifndef FD_CANDIDATE_SAMPLE_H
#define FD_CANDIDATE_SAMPLE_H

#include "engine_options.h"
#include "macros.h"
#include "pair_set.h"
#include "select.h"
#include "snapshot.h"

/* Either n_pairs pairs, or with fd_sampling.all the items that take part and, if they shall not be
 * candidates, the pairs of all items that have a label. */
typedef struct fd_candidate_sample {
    size_t n_pairs;
    fi_pair *pairs;
    bool is_whole; /* these are all pairs that are wanted */
    size_t n_members;
    uint32_t *members;
    size_t n_labelled;
    fi_pair *labelled;
} fd_candidate_sample;

/* Draws from the items that the snapshot has. `unwanted` pairs are never drawn into a sample. */
int fd_candidate_sample_draw(fd_engine *engine, const fd_snapshot *snapshot,
                             const fd_sampling *sampling, uint64_t seed,
                             const fd_pair_set *unwanted, fd_candidate_sample *ret) FD_MUST_CHECK;
void fd_candidate_sample_clear(fd_candidate_sample *sample);

/* Pairs in scope without a label, or a few less: a label of a pair out of scope counts too. */
uint64_t fd_candidates_left(fd_engine *engine, fi_scope scope);

/* Keeps, in their order, that share of the pairs that the snapshot's model is least sure about, but
 * at least `least` pairs. */
int fd_candidate_sample_keep_contested(fd_candidate_sample *sample, const fd_snapshot *snapshot,
                                       double share, size_t least) FD_MUST_CHECK;

#endif
