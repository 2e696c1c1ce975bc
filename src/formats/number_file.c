/* Reads rows of numbers of any type. */
#include "number_file.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK_BYTES = 8 << 20, NUMBER_MAX = 8 };

static const size_t sizes[] = {
    [FD_NUMBER_FLOAT16] = 2, [FD_NUMBER_BFLOAT16] = 2, [FD_NUMBER_FLOAT32] = 4,
    [FD_NUMBER_FLOAT64] = 8, [FD_NUMBER_INT32] = 4,    [FD_NUMBER_INT64] = 8,
};

size_t fd_number_size(fd_number_kind kind) {
    return sizes[kind];
}

void fd_number_file_clear(fd_number_file *file) {
    if (file->file)
        (void)fclose(file->file);
    free(file->block);
    *file = (fd_number_file){0};
}

int fd_number_file_shape(fd_number_file *file, const uint64_t *dimensions, size_t n) {
    if (n == 0)
        return -EBADMSG;
    file->rows = dimensions[0];
    file->columns = 1;
    for (size_t i = 1; i < n; i++)
        if (__builtin_mul_overflow(file->columns, dimensions[i], &file->columns))
            return -EBADMSG;
    return 0;
}

int fd_number_file_bytes(const fd_number_file *file, uint64_t *ret) {
    return __builtin_mul_overflow(file->rows, file->columns, ret) ||
                   __builtin_mul_overflow(*ret, sizes[file->kind], ret)
               ? -EBADMSG
               : 0;
}

/* ---- one number ---- */

static double read_float16(uint16_t bits) {
    int exponent = bits >> 10 & 0x1f;
    double fraction = bits & 0x3ff;
    double value = exponent == 0x1f ? (fraction > 0 ? NAN : INFINITY)
                   : exponent == 0  ? ldexp(fraction, -24)
                                    : ldexp(fraction + 1024, exponent - 25);
    return bits & 0x8000 ? -value : value;
}

static uint64_t bits_of(const uint8_t *bytes, size_t size, bool is_big_endian) {
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)bytes[is_big_endian ? size - 1 - i : i] << (8 * i);
    return bits;
}

static double read_number(const fd_number_file *file, const uint8_t *bytes) {
    union {
        uint32_t bits;
        float number;
    } single;
    union {
        uint64_t bits;
        double number;
    } twice = {.bits = bits_of(bytes, sizes[file->kind], file->is_big_endian)};
    single.bits = (uint32_t)twice.bits;
    switch (file->kind) {
    case FD_NUMBER_FLOAT16:
        return read_float16((uint16_t)twice.bits);
    case FD_NUMBER_BFLOAT16:
        single.bits <<= 16;
        return (double)single.number;
    case FD_NUMBER_FLOAT32:
        return (double)single.number;
    case FD_NUMBER_FLOAT64:
        return twice.number;
    case FD_NUMBER_INT32:
        return (int32_t)single.bits;
    case FD_NUMBER_INT64:
        return (double)(int64_t)twice.bits;
    }
    return 0;
}

/* ---- rows ---- */

static int read_at(const fd_number_file *file, uint64_t at, uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = pread(fileno(file->file), bytes, size, (off_t)(file->begin + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -EIO;
        bytes += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* Of an array by columns, a part of each column, which is turned to rows. */
static int fill_by_columns(fd_number_file *file, uint8_t *column) {
    size_t size = sizes[file->kind];
    for (size_t j = 0; j < file->columns; j++) {
        int r = read_at(file, (j * file->rows + file->block_begin) * size, column,
                        file->block_rows * size);
        if (r < 0)
            return r;
        for (size_t i = 0; i < file->block_rows; i++)
            memcpy(file->block + (i * file->columns + j) * size, column + i * size, size);
    }
    return 0;
}

/* Brings the next rows into the block: as many as 8 MB hold, at least one. */
static int fill_block(fd_number_file *file) {
    size_t row = file->columns * sizes[file->kind], most = row > 0 ? BLOCK_BYTES / row : 1;
    most = most > 0 ? most : 1;
    size_t left = file->rows - file->next;
    file->block_begin = file->next;
    file->block_rows = left < most ? left : most;
    if (!file->block)
        file->block = malloc(file->block_rows * row + 1);
    if (!file->block)
        return -ENOMEM;
    if (!file->is_by_columns)
        return read_at(file, file->block_begin * row, file->block, file->block_rows * row);
    FD_FREE uint8_t *column = malloc(file->block_rows * sizes[file->kind] + 1);
    return column ? fill_by_columns(file, column) : -ENOMEM;
}

/* The bytes of the next row. */
static int next_row(fd_number_file *file, const uint8_t **ret) {
    bool is_there = file->block && file->next >= file->block_begin &&
                    file->next - file->block_begin < file->block_rows;
    int r = is_there ? 0 : fill_block(file);
    if (r < 0)
        return r;
    *ret = file->block + (file->next - file->block_begin) * file->columns * sizes[file->kind];
    file->next++;
    return 0;
}

int fd_number_file_read(fd_number_file *file, size_t n, double *values) {
    size_t size = sizes[file->kind];
    const uint8_t *row;
    if (n > file->rows - file->next)
        return -ENODATA;
    for (size_t i = 0; i < n; i++) {
        int r = next_row(file, &row);
        if (r < 0)
            return r;
        for (size_t j = 0; j < file->columns; j++)
            *values++ = read_number(file, row + j * size);
    }
    return 0;
}

int fd_number_file_read_float(fd_number_file *file, size_t n, float *values) {
    size_t size = sizes[file->kind];
    const uint8_t *row;
    bool is_same =
        file->kind == FD_NUMBER_FLOAT32 && file->is_big_endian == (__BYTE_ORDER == __BIG_ENDIAN);
    if (n > file->rows - file->next)
        return -ENODATA;
    for (size_t i = 0; i < n; i++, values += file->columns) {
        int r = next_row(file, &row);
        if (r < 0)
            return r;
        if (is_same)
            memcpy(values, row, file->columns * size);
        for (size_t j = 0; j < file->columns && !is_same; j++)
            values[j] = (float)read_number(file, row + j * size);
    }
    return 0;
}
