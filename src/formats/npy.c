/* Reads NumPy's .npy files: a header in text, then numbers. */
#include "npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_MAX = 4096, DIMENSIONS_MAX = 4, CHUNK = 4096 };

typedef enum { FLOAT32, FLOAT64, INT32, INT64 } kind;

static const struct {
    const char *name;
    size_t size;
} kinds[] = {{"<f4", 4}, {"<f8", 8}, {"<i4", 4}, {"<i8", 8}};

struct fd_npy {
    FILE *file;
    kind kind;
    size_t rows;
    size_t columns;
    size_t next; /* the row to be read next */
};

void fd_npy_close(fd_npy *npy) {
    if (npy->file)
        (void)fclose(npy->file);
    free(npy);
}

size_t fd_npy_rows(const fd_npy *npy) {
    return npy->rows;
}

size_t fd_npy_columns(const fd_npy *npy) {
    return npy->columns;
}

/* ---- the header: a Python dictionary in text ---- */

/* The value after a name in the header, or NULL. */
static const char *value_of(const char *header, const char *name) {
    const char *at = strstr(header, name);
    if (!at)
        return NULL;
    at += strlen(name);
    return at + strspn(at, " :");
}

static int parse_kind(fd_npy *npy, const char *text) {
    for (size_t i = 0; i < FD_LENGTH(kinds); i++) {
        if (strncmp(text + 1, kinds[i].name, strlen(kinds[i].name)) == 0) {
            npy->kind = (kind)i;
            return 0;
        }
    }
    return -EBADMSG;
}

static int parse_shape(fd_npy *npy, const char *text) {
    size_t dimensions[DIMENSIONS_MAX] = {1, 1, 1, 1};
    size_t count = 0;
    if (*text++ != '(')
        return -EBADMSG;
    for (;;) {
        text += strspn(text, " ,");
        if (*text == ')')
            break;
        char *end;
        errno = 0;
        unsigned long long dimension = strtoull(text, &end, 10);
        if (*text == '-' || end == text || errno != 0 || count == DIMENSIONS_MAX)
            return -EBADMSG;
        dimensions[count++] = dimension;
        text = end;
    }
    npy->rows = dimensions[0];
    npy->columns = 1;
    for (size_t i = 1; i < count; i++)
        if (__builtin_mul_overflow(npy->columns, dimensions[i], &npy->columns))
            return -EBADMSG;
    return count == 0 ? -EBADMSG : 0;
}

static int parse_header(fd_npy *npy, const char *header) {
    const char *descr = value_of(header, "'descr'");
    const char *order = value_of(header, "'fortran_order'");
    const char *shape = value_of(header, "'shape'");
    if (!descr || !order || !shape || *descr != '\'' || strncmp(order, "False", 5) != 0)
        return -EBADMSG;
    int r = parse_kind(npy, descr);
    return r < 0 ? r : parse_shape(npy, shape);
}

static int read_header(fd_npy *npy) {
    uint8_t start[12];
    char header[HEADER_MAX + 1];
    if (fread(start, 1, 10, npy->file) != 10 || memcmp(start, "\x93NUMPY", 6) != 0)
        return -EBADMSG;
    size_t length = start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        if (fread(start + 10, 1, 2, npy->file) != 2)
            return -EBADMSG;
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (length > HEADER_MAX || fread(header, 1, length, npy->file) != length)
        return -EBADMSG;
    header[length] = '\0';
    return parse_header(npy, header);
}

static int check_length(fd_npy *npy) {
    size_t bytes;
    long start = ftell(npy->file);
    if (start < 0 || fseek(npy->file, 0, SEEK_END) != 0)
        return -EIO;
    long end = ftell(npy->file);
    if (end < start || fseek(npy->file, start, SEEK_SET) != 0)
        return -EIO;
    if (__builtin_mul_overflow(npy->rows, npy->columns, &bytes) ||
        __builtin_mul_overflow(bytes, kinds[npy->kind].size, &bytes) ||
        bytes != (size_t)(end - start))
        return -EBADMSG;
    return 0;
}

int fd_npy_open(const char *path, fd_npy **ret, fd_fault *fault) {
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = calloc(1, sizeof(*npy));
    if (!npy)
        return -ENOMEM;
    npy->file = fopen(path, "rbe");
    if (!npy->file)
        return fd_fault_set(fault, -errno, "", "%s cannot be opened: %s", path, strerror(errno));
    int r = read_header(npy);
    if (r == 0)
        r = check_length(npy);
    if (r < 0)
        return fd_fault_set(fault, -EBADMSG, "",
                            "%s is not a complete .npy file of little-endian float32, float64, "
                            "int32 or int64 in C order",
                            path);
    *ret = FD_STEAL(npy);
    return 0;
}

/* ---- values ---- */

static double convert(kind of, const uint8_t *bytes) {
    union {
        float f4;
        double f8;
        int32_t i4;
        int64_t i8;
    } value;
    memcpy(&value, bytes, kinds[of].size);
    switch (of) {
    case FLOAT32:
        return (double)value.f4;
    case FLOAT64:
        return value.f8;
    case INT32:
        return value.i4;
    case INT64:
        return (double)value.i8;
    }
    return 0;
}

int fd_npy_read(fd_npy *npy, size_t n, double *values) {
    if (n > npy->rows - npy->next)
        return -ENODATA;
    uint8_t chunk[CHUNK * 8];
    size_t size = kinds[npy->kind].size;
    for (size_t left = n * npy->columns; left > 0;) {
        size_t count = left < CHUNK ? left : CHUNK;
        if (fread(chunk, size, count, npy->file) != count)
            return -EIO;
        for (size_t i = 0; i < count; i++)
            *values++ = convert(npy->kind, chunk + i * size);
        left -= count;
    }
    npy->next += n;
    return 0;
}

int fd_npy_read_float(fd_npy *npy, size_t n, float *values) {
    if (n > npy->rows - npy->next)
        return -ENODATA;
    size_t columns = npy->columns;
    if (npy->kind == FLOAT32) {
        if (fread(values, columns * sizeof(float), n, npy->file) != n)
            return -EIO;
        npy->next += n;
        return 0;
    }
    FD_FREE double *row = calloc(columns + 1, sizeof(*row));
    if (!row)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = fd_npy_read(npy, 1, row);
        if (r < 0)
            return r;
        for (size_t j = 0; j < columns; j++)
            values[i * columns + j] = (float)row[j];
    }
    return 0;
}
