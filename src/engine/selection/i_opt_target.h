/* The default target of i-opt: the sum of d d' over the pairs whose ranking matters. */
#ifndef FD_I_OPT_TARGET_H
#define FD_I_OPT_TARGET_H

#include "engine_options.h"
#include "macros.h"
#include "snapshot.h"

/* The sum of d d' over all pairs within the prompts of the table, by the features of the snapshot.
 * It may cover items that came after the snapshot. NULL if no prompt has two items: all pairs would
 * be worth the same. */
int fd_i_opt_target_find(fd_engine *engine, const fd_snapshot *snapshot,
                         fi_information **ret) FD_MUST_CHECK;

#endif
