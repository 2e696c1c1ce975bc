/* The entropy of an answer in float32 to about 1e-7 nats, for loops that the compiler vectorises.
 */
#ifndef FI_FLOAT_ENTROPY_H
#define FI_FLOAT_ENTROPY_H

#include "float_exp.h"

#define FI_FLOAT_LOGIT_MAX FI_FLOAT_EXPONENT_MAX
#define FI_FLOAT_LOG_2 0.693147181f

/* log(1 + y) for sqrt(1/2) <= 1 + y <= sqrt(2): y - y^2 / 2, and a minimax fit of the rest. */
static inline float fi_float_log_near_1(float y) {
    float p = 0.0867228284f;
    p = p * y - 0.143791407f;
    p = p * y + 0.149780199f;
    p = p * y - 0.165644109f;
    p = p * y + 0.199548721f;
    p = p * y - 0.250016987f;
    p = p * y + 0.333341658f;
    return y + y * y * (p * y - 0.5f);
}

/* log(x) for a normal x > 0 */
static inline float fi_float_log(float x) {
    fi_float_bits number = {.value = x};
    int32_t exponent = (number.bits - 0x3f3504f3) >> 23; /* of x / sqrt(1/2) */
    number.bits -= exponent * (1 << 23);
    return (float)exponent * FI_FLOAT_LOG_2 + fi_float_log_near_1(number.value - 1.0f);
}

/* log(1 + e) for 0 <= e <= 1 */
static inline float fi_float_log_1_plus(float e) {
    int large = e > 0.41f;
    return fi_float_log_near_1(large ? 0.5f * e - 0.5f : e) + (large ? FI_FLOAT_LOG_2 : 0.0f);
}

/* log(1 - t) for 0 <= t <= 1/2 */
static inline float fi_float_log_1_minus(float t) {
    int large = t > 0.29f;
    return fi_float_log_near_1(large ? 1.0f - 2.0f * t : -t) - (large ? FI_FLOAT_LOG_2 : 0.0f);
}

/* h(p) = -p log p - (1 - p) log(1 - p) for 0 <= p <= 1, within rounding */
static inline float fi_float_entropy(float p) {
    float rarer = p < 0.5f ? p : 1.0f - p;
    rarer = rarer > 1e-37f ? rarer : 1e-37f;
    return -rarer * fi_float_log(rarer) - (1.0f - rarer) * fi_float_log_1_minus(rarer);
}

/* Returns h(sigmoid(x)), and sets *probability to sigmoid(x). */
static inline float fi_float_answer(float x, float *probability) {
    float size = fabsf(x);
    size = size < FI_FLOAT_LOGIT_MAX ? size : FI_FLOAT_LOGIT_MAX; /* also a NaN */
    float e = fi_float_exp_negative(size);
    float rarer = e / (1.0f + e);
    *probability = x > 0.0f ? 1.0f - rarer : rarer;
    return fi_float_log_1_plus(e) + size * rarer;
}

#endif
