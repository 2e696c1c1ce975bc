/* An array of numbers at a place in a file: rows are read in their order, whatever type, byte order
 * and array order the numbers have. */
#ifndef FD_NUMBER_FILE_H
#define FD_NUMBER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "macros.h"

typedef enum fd_number_kind {
    FD_NUMBER_FLOAT16,
    FD_NUMBER_BFLOAT16,
    FD_NUMBER_FLOAT32,
    FD_NUMBER_FLOAT64,
    FD_NUMBER_INT32,
    FD_NUMBER_INT64,
} fd_number_kind;

typedef struct fd_number_file {
    FILE *file;
    uint64_t begin; /* of the numbers, in bytes */
    fd_number_kind kind;
    bool is_big_endian;
    bool is_by_columns; /* Fortran's order */
    size_t rows;
    size_t columns;
    size_t next; /* the row to be read next */
    uint8_t
        *block; /* of an array by columns: [block_rows x columns], by rows, from row block_begin */
    size_t block_begin, block_rows;
} fd_number_file;

size_t fd_number_size(fd_number_kind kind); /* bytes */

/* Sets rows and columns from n dimensions: columns are the product of all but the first. -EBADMSG
 * if there are none, or too many numbers. */
int fd_number_file_shape(fd_number_file *file, const uint64_t *dimensions, size_t n) FD_MUST_CHECK;

/* The bytes that all numbers take; -EBADMSG if that is no number of bytes. */
int fd_number_file_bytes(const fd_number_file *file, uint64_t *ret) FD_MUST_CHECK;

/* Reads the next n rows [n x columns]. -ENODATA if fewer are left; -EIO; -ENOMEM. */
int fd_number_file_read(fd_number_file *file, size_t n, double *values) FD_MUST_CHECK;
int fd_number_file_read_float(fd_number_file *file, size_t n, float *values) FD_MUST_CHECK;

/* Closes the file and frees the block. */
void fd_number_file_clear(fd_number_file *file);

#endif
