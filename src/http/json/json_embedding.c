/* Reads and writes embeddings. */
#include "json_embedding.h"

#include <endian.h>
#include <errno.h>
#include <fisher/design.h>
#include <math.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base64.h"

static bool is_in_range(double number) {
    return fabs(number) <= (double)FI_EMBEDDING_MAX; /* false for NaN */
}

static int check_count(size_t count, const fd_path *at, fd_fault *fault) {
    if (count >= 1 && count <= FI_INPUTS_MAX)
        return 0;
    return fd_json_fault(fault, at, "has %zu numbers; must have 1 to %d", count, FI_INPUTS_MAX);
}

static int read_numbers(const json_t *list, const fd_path *at, float *numbers, fd_fault *fault) {
    size_t i;
    json_t *element;
    json_array_foreach(list, i, element) {
        fd_path here = {.parent = at, .index = i};
        if (!json_is_number(element))
            return fd_json_fault(fault, &here, "must be a number");
        double number = json_number_value(element);
        if (!is_in_range(number))
            return fd_json_fault(fault, &here, "must be at most %.0f in absolute value",
                                 (double)FI_EMBEDDING_MAX);
        numbers[i] = (float)number;
    }
    return 0;
}

int fd_json_embedding_of_base64(const char *text, size_t length, const fd_path *at,
                                fd_embedding *ret, fd_fault *fault) {
    /* 4 characters are at most 3 bytes. What must be too long is not decoded. */
    if (length / 4 * 3 > (size_t)FI_INPUTS_MAX * sizeof(float) + 2)
        return fd_json_fault(fault, at, "has more than %d numbers", FI_INPUTS_MAX);
    size_t room = length / 4 * 3 + sizeof(float);
    FD_FREE float *numbers = malloc(room);
    if (!numbers)
        return -ENOMEM;
    size_t size = 0;
    if (!fd_base64_decode(text, length, (unsigned char *)numbers, room, &size))
        return fd_json_fault(fault, at, "is not base64 (standard alphabet, with padding)");
    if (size % sizeof(float) != 0)
        return fd_json_fault(fault, at, "decodes to %zu bytes, which is not a multiple of 4", size);
    int r = check_count(size / sizeof(float), at, fault);
    if (r < 0)
        return r;

    for (size_t i = 0; i < size / sizeof(float); i++) {
        union {
            float number;
            uint32_t bits;
        } given = {.number = numbers[i]};
        given.bits = le32toh(given.bits);
        numbers[i] = given.number;
        if (!is_in_range((double)numbers[i]))
            return fd_json_fault(fault, at,
                                 "number %zu must be finite and at most %.0f in "
                                 "absolute value",
                                 i, (double)FI_EMBEDDING_MAX);
    }
    *ret = (fd_embedding){FD_STEAL(numbers), size / sizeof(float)};
    return 0;
}

int fd_json_embedding(const json_t *value, const fd_path *at, fd_embedding *ret, fd_fault *fault) {
    if (json_is_string(value))
        return fd_json_embedding_of_base64(json_string_value(value), json_string_length(value), at,
                                           ret, fault);
    if (!json_is_array(value))
        return fd_json_fault(fault, at, "must be a list of numbers or a base64 string");
    size_t count = json_array_size(value);
    int r = check_count(count, at, fault);
    if (r < 0)
        return r;
    FD_FREE float *numbers = calloc(count, sizeof(*numbers));
    if (!numbers)
        return -ENOMEM;
    r = read_numbers(value, at, numbers, fault);
    if (r == 0)
        *ret = (fd_embedding){FD_STEAL(numbers), count};
    return r;
}

json_t *fd_json_base64(const float *numbers, size_t count) {
    FD_FREE uint32_t *words = calloc(count ? count : 1, sizeof(*words));
    size_t room = sodium_base64_encoded_len(count * sizeof(*words), sodium_base64_VARIANT_ORIGINAL);
    FD_FREE char *text = malloc(room);
    if (!words || !text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        memcpy(&words[i], &numbers[i], sizeof(words[i]));
        words[i] = htole32(words[i]);
    }
    (void)sodium_bin2base64(text, room, (unsigned char *)words, count * sizeof(*words),
                            sodium_base64_VARIANT_ORIGINAL);
    return json_string_nocheck(text);
}
