/* The default target of i-opt: the sum of d d' over the pairs whose ranking matters. */
#ifndef FD_I_OPT_TARGET_H
#define FD_I_OPT_TARGET_H

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

/*
 * The sum of d d' over all pairs within the prompts of the table, by the features of the snapshot.
 * It may cover items that came after the snapshot. NULL if no prompt has two items: all pairs would
 * be worth the same. A selection does not wait for a sum over many items: it gets the one that is
 * kept, of fewer items, or NULL while there is none, and *ret_complete is false.
 */
int fd_i_opt_target_find(fd_engine *engine, const fd_snapshot *snapshot, fi_information **ret,
                         bool *ret_complete) FD_MUST_CHECK;

/* Brings the sum that is kept up to date, however long that takes. -ECANCELED when the engine
 * closes. */
int fd_i_opt_target_prepare(fd_engine *engine, const fd_snapshot *snapshot) FD_MUST_CHECK;

/* Whether the sum that is kept covers all items of the snapshot. */
bool fd_i_opt_target_is_ready(const fd_snapshot *snapshot);

#endif
