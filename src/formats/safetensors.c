/* Reads the header of a file of safetensors (huggingface/safetensors, format of 2023). */
#include "safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

enum { LENGTH_SIZE = 8, HEADER_MAX = 16 << 20, DIMENSIONS_MAX = 4 };

static const struct {
    const char *name;
    fd_number_kind kind;
} kinds[] = {
    {"F16", FD_NUMBER_FLOAT16}, {"BF16", FD_NUMBER_BFLOAT16}, {"F32", FD_NUMBER_FLOAT32},
    {"F64", FD_NUMBER_FLOAT64}, {"I32", FD_NUMBER_INT32},     {"I64", FD_NUMBER_INT64},
};

static int read_kind(const json_t *tensor, fd_number_kind *ret) {
    const char *name = json_string_value(json_object_get(tensor, "dtype"));
    for (size_t i = 0; name && i < FD_LENGTH(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *ret = kinds[i].kind;
            return 0;
        }
    return -EBADMSG;
}

static int read_shape(const json_t *tensor, fd_number_file *ret) {
    const json_t *shape = json_object_get(tensor, "shape");
    uint64_t dimensions[DIMENSIONS_MAX];
    size_t n = json_array_size(shape);
    if (n > DIMENSIONS_MAX)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        const json_t *dimension = json_array_get(shape, i);
        if (!json_is_integer(dimension) || json_integer_value(dimension) < 0)
            return -EBADMSG;
        dimensions[i] = (uint64_t)json_integer_value(dimension);
    }
    return fd_number_file_shape(ret, dimensions, n);
}

/* Its numbers take the bytes that it says, and the file has them. */
static int read_place(const json_t *tensor, uint64_t data, uint64_t size, fd_number_file *ret) {
    const json_t *offsets = json_object_get(tensor, "data_offsets");
    json_int_t begin = json_integer_value(json_array_get(offsets, 0));
    json_int_t end = json_integer_value(json_array_get(offsets, 1));
    uint64_t bytes;
    if (begin < 0 || end < begin || (uint64_t)end > size - data ||
        fd_number_file_bytes(ret, &bytes) < 0 || (uint64_t)(end - begin) != bytes)
        return -EBADMSG;
    ret->begin = data + (uint64_t)begin;
    return 0;
}

static const json_t *choose(json_t *header, size_t *ret_n) {
    const json_t *only = NULL;
    const char *name;
    json_t *tensor;
    *ret_n = 0;
    json_object_foreach(header, name, tensor) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        only = tensor;
        ++*ret_n;
    }
    const json_t *named = json_object_get(header, "embeddings");
    return named ? named : *ret_n == 1 ? only : NULL;
}

static int read_header(FILE *file, uint64_t size, json_t **ret, uint64_t *ret_data) {
    uint8_t start[LENGTH_SIZE];
    uint64_t length = 0;
    if (fseeko(file, 0, SEEK_SET) != 0 || fread(start, 1, LENGTH_SIZE, file) != LENGTH_SIZE)
        return -EBADMSG;
    for (size_t i = 0; i < LENGTH_SIZE; i++)
        length |= (uint64_t)start[i] << (8 * i);
    if (length > HEADER_MAX || length > size - LENGTH_SIZE)
        return -EBADMSG;
    FD_FREE char *text = malloc(length + 1);
    if (!text)
        return -ENOMEM;
    if (fread(text, 1, length, file) != length)
        return -EBADMSG;
    *ret_data = LENGTH_SIZE + length;
    *ret = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(*ret) ? 0 : -EBADMSG;
}

int fd_safetensors_find(fd_number_file *ret, uint64_t size, fd_fault *fault) {
    json_t *header = NULL;
    uint64_t data = 0;
    size_t n = 0;
    int r = read_header(ret->file, size, &header, &data);
    const json_t *tensor = r == 0 ? choose(header, &n) : NULL;
    bool is_unclear = r == 0 && !tensor;
    if (r == 0 && tensor)
        r = read_kind(tensor, &ret->kind);
    if (r == 0 && tensor)
        r = read_shape(tensor, ret);
    if (r == 0 && tensor)
        r = read_place(tensor, data, size, ret);
    json_decref(header);
    if (is_unclear)
        return fd_fault_set(fault, -EBADMSG, "",
                            "has %zu tensors, and none of them is called embeddings", n);
    if (r == -EBADMSG)
        return fd_fault_set(fault, r, "",
                            "is not a complete file of safetensors of F16, BF16, F32, F64, I32 or "
                            "I64");
    return r;
}
