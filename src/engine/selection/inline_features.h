/* The features of items that a request brings along. */
#ifndef FD_INLINE_FEATURES_H
#define FD_INLINE_FEATURES_H

#include "item_lookup.h"

/* Features [n_extra x h] of the inline items: malloc'd. A text that is not given, and every prior
 * score, count as missing. -ENOMEM. */
int fd_inline_features(const fd_snapshot *snapshot, const fd_item_rows *rows,
                       float **ret) FD_MUST_CHECK;

#endif
