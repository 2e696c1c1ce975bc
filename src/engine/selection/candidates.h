/* What a selection chooses from, and what it counts as known. */
#ifndef FD_CANDIDATES_H
#define FD_CANDIDATES_H

#include "select.h"
#include "snapshot.h"

typedef struct fd_candidates {
    fd_snapshot *snapshot;
    bool is_pool;
    fi_pool pool;            /* with is_pool */
    fi_candidates list;      /* otherwise */
    const fi_pair *rows;     /* [list.n_pairs] its pairs; inline items follow the snapshot's */
    const uint32_t *numbers; /* [list.n_pairs] index of each in the request; NULL: its own index */
    fi_information *past;    /* of labelled and pending pairs */
    fi_information *prior;   /* what else is known, times the design effect */
    const fi_candidates *targets; /* for strategies that use them; NULL: the candidates */
    struct fd_candidates_memory *memory;
} fd_candidates;

/* `by_prompt`: the prompts of the candidates are needed. Faults as fd_engine_select. */
int fd_candidates_find(fd_engine *engine, const fd_selection_request *request, bool by_prompt,
                       uint64_t seed, const fi_strategy *strategy, fd_candidates *ret,
                       fd_fault *fault) FD_MUST_CHECK;
void fd_candidates_clear(fd_candidates *candidates);

#endif
