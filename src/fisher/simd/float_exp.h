/* exp in float32 by a polynomial, for loops that the compiler vectorises. */
#ifndef FI_FLOAT_EXP_H
#define FI_FLOAT_EXP_H

#include <math.h>
#include <stdint.h>

/* exp(-87) is still a normal float32. */
#define FI_FLOAT_EXPONENT_MAX 87.0f

typedef union fi_float_bits {
    int32_t bits;
    float value;
} fi_float_bits;

/* exp(-u) for 0 <= u <= 87 as 2^n times a polynomial, to about one unit in the last place. */
static inline float fi_float_exp_negative(float u) {
    float n = rintf(u * -1.44269504f);
    float r = -u - n * 0.693359375f + n * 2.12194440e-4f; /* log 2 in two parts */
    float p = 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    fi_float_bits power = {.bits = ((int32_t)n + 127) << 23};
    return p * power.value;
}

#endif
