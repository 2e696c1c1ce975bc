/* A quick screen for the pairs of one item that may be among the best. */
#ifndef FI_POOL_SCREEN_H
#define FI_POOL_SCREEN_H

#include "pool_items.h"

/*
 * Writes to `hits` those of the partners first … first + n - 1 of an item whose key may reach
 * `least`, counted from `first`, and returns their number. All others have smaller keys. gram [n]
 * has -2 u_item' u_partner for keys with leverages. hits [n]
 */
size_t fi_pool_screen(const fi_pool_items *items, fi_pool_key key, double least, size_t item,
                      size_t first, size_t n, const float *gram, uint32_t *hits);

#endif
