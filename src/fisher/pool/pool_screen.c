/* Screens rows of partners in loops that the compiler vectorises. */
#include "pool_screen.h"

#include <float.h>
#include <math.h>

#include "target_clones.h"

enum { CHUNK = 32 };

/* Collects the i with value(i) >= limit(i), CHUNK at a time. Nearly all chunks have none. */
#define SCREEN(value, limit)                                                                       \
    size_t count = 0;                                                                              \
    for (size_t base = 0; base < n; base += CHUNK) {                                               \
        size_t end = base + CHUNK < n ? base + CHUNK : n;                                          \
        int any = 0;                                                                               \
        for (size_t i = base; i < end; i++)                                                        \
            any |= (value) >= (limit);                                                             \
        for (size_t i = base; any && i < end; i++)                                                 \
            if ((value) >= (limit))                                                                \
                hits[count++] = (uint32_t)i;                                                       \
    }                                                                                              \
    return count

/* v leverage > key is the same as leverage > key (2 + exp(r_i - r_j) + exp(r_j - r_i)). */
FI_CLONES static size_t
screen_information(size_t n, const float *restrict gram, const float *restrict squares,
                   const float *restrict rising, const float *restrict falling, float own_square,
                   float constant, float by_rising, float by_falling, uint32_t *restrict hits) {
    SCREEN(own_square + squares[i] + gram[i],
           constant + by_rising * rising[i] + by_falling * falling[i]);
}

FI_CLONES static size_t screen_leverage(size_t n, const float *restrict gram,
                                        const float *restrict squares, float own_square, float key,
                                        uint32_t *restrict hits) {
    SCREEN(own_square + squares[i] + gram[i], key);
}

FI_CLONES static size_t screen_closeness(size_t n, const float *restrict rewards, float own,
                                         float gap, uint32_t *restrict hits) {
    SCREEN(gap, fabsf(own - rewards[i]));
}

FI_CLONES static size_t screen_distance(size_t n, const float *restrict rewards, float own,
                                        float gap, uint32_t *restrict hits) {
    SCREEN(fabsf(own - rewards[i]), gap);
}

size_t fi_pool_screen(const fi_pool_items *items, fi_pool_key key, double least, size_t item,
                      size_t first, size_t n, const float *gram, uint32_t *hits) {
    /* Rounded down, so that pairs that tie with `least` pass. */
    float limit = (float)(least - fabs(least) * 8.0 * (double)FLT_EPSILON);
    switch (key) {
    case FI_KEY_INFORMATION:
        return screen_information(n, gram, items->squares + first, items->rising + first,
                                  items->falling + first, items->squares[item], 2.0f * limit,
                                  limit * items->falling[item], limit * items->rising[item], hits);
    case FI_KEY_LEVERAGE:
        return screen_leverage(n, gram, items->squares + first, items->squares[item], limit, hits);
    case FI_KEY_CLOSENESS:
        return screen_closeness(n, items->rewards + first, items->rewards[item],
                                nextafterf(-limit, INFINITY), hits);
    case FI_KEY_DISTANCE:
        return screen_distance(n, items->rewards + first, items->rewards[item],
                               nextafterf(limit, -INFINITY), hits);
    }
    return 0;
}
