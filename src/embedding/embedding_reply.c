/* Reads what a server of embeddings answers, and trusts none of it. */
#include "embedding_reply.h"

#include <endian.h>
#include <errno.h>
#include <fisher/model.h>
#include <math.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* ---- JSON ---- */

/* How deep the lists and objects of a text are, whether it is JSON or not. */
static size_t depth_of(const char *text, size_t size) {
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        if (in_string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '[' || text[i] == '{'))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!in_string && (text[i] == ']' || text[i] == '}') && depth > 0)
            depth--;
    }
    return deepest;
}

int fd_embedding_json_parse(const char *text, size_t size, const char *whose, json_t **ret,
                            fd_fault *fault) {
    json_error_t error;
    if (depth_of(text, size) > FD_REPLY_DEPTH_MAX)
        return fd_fault_set(fault, -EPROTO, "", "the answer %s nests too deep", whose);
    *ret = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!*ret && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    return *ret ? 0 : fd_fault_set(fault, -EPROTO, "", "the answer %s is not JSON", whose);
}

/* ---- vectors ---- */

/* An in-between form: its numbers are in the tree, or decoded. */
struct given {
    const json_t *list;     /* NULL: decoded */
    unsigned char *decoded; /* [4 * n] */
    size_t n;
};

static void given_clear(struct given *given) {
    free(given->decoded);
}

static int decode(const json_t *text, struct given *ret, fd_fault *fault) {
    size_t length = json_string_length(text), size = 0;
    size_t room = length / 4 * 3 + 1;
    if (length / 4 * 3 > (size_t)FI_INPUTS_MAX * sizeof(float) + 2)
        return fd_fault_set(fault, -EPROTO, "", "a vector of the embedder has more than %d numbers",
                            FI_INPUTS_MAX);
    ret->decoded = malloc(room);
    if (!ret->decoded)
        return -ENOMEM;
    if (sodium_base642bin(ret->decoded, room, json_string_value(text), length, NULL, &size, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        size % sizeof(float) != 0)
        return fd_fault_set(fault, -EPROTO, "",
                            "a vector of the embedder is not base64 of float32 numbers");
    ret->n = size / sizeof(float);
    return 0;
}

static int take(const json_t *value, struct given *ret, fd_fault *fault) {
    if (json_is_string(value))
        return decode(value, ret, fault);
    ret->list = value;
    ret->n = json_array_size(value);
    return json_is_array(value)
               ? 0
               : fd_fault_set(fault, -EPROTO, "",
                              "a vector of the embedder is neither a list nor base64");
}

static int check_dimension(fd_vectors *vectors, size_t n, size_t dimension, fd_fault *fault) {
    if (dimension < 1 || dimension > FI_INPUTS_MAX)
        return fd_fault_set(fault, -EPROTO, "",
                            "a vector of the embedder has %zu numbers; it must have 1 to %d",
                            dimension, FI_INPUTS_MAX);
    if (vectors->dimension != 0 && vectors->dimension != dimension)
        return fd_fault_set(fault, -EPROTO, "",
                            "a vector of the embedder has %zu numbers, others have %zu", dimension,
                            vectors->dimension);
    vectors->dimension = dimension;
    if (!vectors->values)
        vectors->values = reallocarray(NULL, n, dimension * sizeof(float));
    return vectors->values ? 0 : -ENOMEM;
}

/* NaN where it is not a number. */
static double number_at(const struct given *given, size_t i) {
    uint32_t bits;
    float number;
    if (given->list) {
        const json_t *element = json_array_get(given->list, i);
        return json_is_number(element) ? json_number_value(element) : NAN;
    }
    memcpy(&bits, given->decoded + i * sizeof(bits), sizeof(bits));
    bits = le32toh(bits);
    memcpy(&number, &bits, sizeof(number));
    return (double)number;
}

int fd_vectors_read(fd_vectors *vectors, size_t n, size_t at, const json_t *value,
                    fd_fault *fault) {
    FD_CLEANUP(given_clear) struct given given = {0};
    int r = take(value, &given, fault);
    if (r == 0)
        r = check_dimension(vectors, n, given.n, fault);
    for (size_t i = 0; i < given.n && r == 0; i++) {
        double number = number_at(&given, i);
        if (!(fabs(number) <= (double)FI_EMBEDDING_MAX))
            return fd_fault_set(fault, -EPROTO, "",
                                "a vector of the embedder has a number that is not finite or too "
                                "large");
        vectors->values[at * given.n + i] = (float)number;
    }
    return r;
}

/* ---- the answer ---- */

static int read_element(const json_t *element, size_t n, bool *seen, fd_vectors *vectors,
                        fd_fault *fault) {
    const json_t *given = json_object_get(element, "index");
    json_int_t index = json_integer_value(given);
    if (!json_is_integer(given) || index < 0 || (uint64_t)index >= n || seen[index])
        return fd_fault_set(fault, -EPROTO, "",
                            "the answer of the embedding server does not number its vectors from 0 "
                            "to %zu",
                            n - 1);
    seen[index] = true;
    return fd_vectors_read(vectors, n, (size_t)index, json_object_get(element, "embedding"), fault);
}

static void release(json_t **tree) {
    json_decref(*tree);
}

int fd_embedding_reply_read(const char *body, size_t size, size_t n, size_t dimension,
                            fd_vectors *ret, fd_fault *fault) {
    FD_CLEANUP(release) json_t *root = NULL;
    int r = fd_embedding_json_parse(body, size, "of the embedding server", &root, fault);
    if (r < 0)
        return r;
    const json_t *data = json_object_get(root, "data");
    if (!json_is_array(data) || json_array_size(data) != n)
        return fd_fault_set(fault, -EPROTO, "",
                            "the embedding server answered with %zu vectors for %zu texts",
                            json_array_size(data), n);
    FD_FREE bool *seen = calloc(n + 1, sizeof(*seen));
    fd_vectors vectors = {.dimension = dimension};
    r = seen ? 0 : -ENOMEM;
    for (size_t i = 0; i < n && r == 0; i++)
        r = read_element(json_array_get(data, i), n, seen, &vectors, fault);
    if (r < 0) {
        free(vectors.values);
        return r;
    }
    *ret = vectors;
    return 0;
}
