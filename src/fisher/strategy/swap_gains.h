/*
 * The gains g_i = v_i d_i' M(C)^-1 d_i of all candidates for a batch C, kept up to date while pairs
 * of C are swapped for others. M(C) is M with the pairs of C. All is in whitened coordinates u =
 * U'^-1 d with M = U'U.
 */
#ifndef FI_SWAP_GAINS_H
#define FI_SWAP_GAINS_H

#include "strategy.h"

typedef struct fi_swap_gains {
    const fi_problem *problem;
    double *whitened;     /* [m x h] rows (phi - centre)' U^-1 */
    double *solved_items; /* [m x h] scratch */
    double *inverse;      /* [h x h] N = M(C)^-1, upper triangle */
    double *directions;   /* [2 x h] what a swap subtracts from N, and what it adds */
    double *products;     /* [m x 2] of the items with both */
    double *gains;        /* [n] g */
    double *rows;         /* [FI_BLOCK_ROWS x h] scratch */
} fi_swap_gains;

/* Whitens the items. -ENOMEM; clear it in any case. */
int fi_swap_gains_init(fi_swap_gains *gains, const fi_problem *problem) FD_MUST_CHECK;
void fi_swap_gains_clear(fi_swap_gains *gains);

/* Computes N and g for a batch of k candidates. -EDOM if rounding makes M(C) singular. */
int fi_swap_gains_begin(fi_swap_gains *gains, size_t k, const uint32_t *batch) FD_MUST_CHECK;

/* Updates N and g for a swap. */
void fi_swap_gains_update(fi_swap_gains *gains, uint32_t leaving, uint32_t entering);

/* Loads up to FI_BLOCK_ROWS candidates as rows sqrt(v) u, and returns their number. */
size_t fi_swap_gains_load(const fi_swap_gains *gains, const uint32_t *indices, size_t left,
                          double *rows);

#endif
