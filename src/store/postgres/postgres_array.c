/* Arrays in PostgreSQL's binary format: a header, and of each value its size and its bytes. */
#include "postgres_array.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

/* Types of PostgreSQL's catalogue. */
enum { INTEGER = 20, TEXT = 25, TEXTS = 1009, INTEGERS = 1016 };

enum { HEADER_SIZE = 5 * 4, SMALLEST = 4096 };

void fd_postgres_array_clear(fd_postgres_array *array) {
    free(array->bytes);
    *array = (fd_postgres_array){0};
}

void fd_postgres_array_empty(fd_postgres_array *array) {
    *array = (fd_postgres_array){.bytes = array->bytes, .capacity = array->capacity};
}

/* Room for more bytes at the end; NULL: out of memory. */
static char *extend(fd_postgres_array *array, size_t size) {
    size_t end = (array->size ? array->size : HEADER_SIZE) + size;
    if (end > array->capacity) {
        size_t capacity = 2 * end > SMALLEST ? 2 * end : SMALLEST;
        char *bytes = realloc(array->bytes, capacity);
        if (!bytes)
            return NULL;
        array->bytes = bytes;
        array->capacity = capacity;
    }
    array->size = end;
    return array->bytes + end - size;
}

static void append(fd_postgres_array *array, const void *bytes, size_t size) {
    uint32_t stated = htobe32(bytes ? (uint32_t)size : UINT32_MAX);
    char *at = extend(array, sizeof(stated) + size);
    array->count++;
    array->has_null |= !bytes;
    array->has_failed |= !at;
    if (!at)
        return;
    memcpy(at, &stated, sizeof(stated));
    if (bytes)
        memcpy(at + sizeof(stated), bytes, size);
}

void fd_postgres_array_append_integer(fd_postgres_array *array, int64_t value) {
    uint64_t big_endian = htobe64((uint64_t)value);
    append(array, &big_endian, sizeof(big_endian));
}

void fd_postgres_array_append_text(fd_postgres_array *array, const char *text) {
    append(array, text, text ? strlen(text) : 0);
}

/* One dimension, whose indices begin at 1. */
static int bind(fd_postgres_binding *binding, fd_postgres_array *array, Oid type, Oid element) {
    if (array->has_failed || array->size == 0)
        return -ENOMEM;
    const uint32_t header[] = {htobe32(1), htobe32(array->has_null), htobe32(element),
                               htobe32(array->count), htobe32(1)};
    _Static_assert(sizeof(header) == HEADER_SIZE, "five numbers of four bytes");
    memcpy(array->bytes, header, sizeof(header));
    fd_postgres_bind_bytes(binding, array->bytes, array->size);
    binding->parameters[binding->n - 1].type = type;
    return 0;
}

int fd_postgres_bind_integers(fd_postgres_binding *binding, fd_postgres_array *array) {
    return bind(binding, array, INTEGERS, INTEGER);
}

int fd_postgres_bind_texts(fd_postgres_binding *binding, fd_postgres_array *array) {
    return bind(binding, array, TEXTS, TEXT);
}
