/*
 * Optimal design: which pairs to ask about next. All of its headers in one.
 *
 *     information.h  Fisher information of pairs, and its Cholesky factor
 *     pool.h         all pairs of some items, without a list
 *     selection.h    strategies, and batches with a certificate
 */
#ifndef FISHER_DESIGN_H
#define FISHER_DESIGN_H

#include <fisher/information.h>
#include <fisher/pool.h>
#include <fisher/selection.h>

#endif
