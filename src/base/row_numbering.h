/*
 * Numbers the rows of a table that are named, from 0: in the order in which they are first named
 * or, after fd_row_numbering_sort, in the order of the table.
 *
 *     int r = fd_row_numbering_init(&numbering, n_rows, most);
 *     ...
 *     uint32_t number = fd_row_numbering_add(&numbering, row);
 */
#ifndef FD_ROW_NUMBERING_H
#define FD_ROW_NUMBERING_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "macros.h"

typedef struct fd_row_numbering {
    size_t n_rows;     /* of the table; below UINT32_MAX */
    uint32_t *numbers; /* [n_rows] the number of each row, or FD_ROW_UNNAMED */
    size_t count;      /* rows that were named */
    uint32_t *rows;    /* [count] the row of each number */
} fd_row_numbering;

#define FD_ROW_UNNAMED UINT32_MAX

/* Forgets which rows were named. */
static inline void fd_row_numbering_reset(fd_row_numbering *numbering) {
    if (numbering->n_rows > 0)
        memset(numbering->numbers, 0xff, numbering->n_rows * sizeof(*numbering->numbers));
    numbering->count = 0;
}

/* Makes room to name up to `most` rows of a table. -ENOMEM; clear it in any case. */
FD_MUST_CHECK
static inline int fd_row_numbering_init(fd_row_numbering *numbering, size_t n_rows, size_t most) {
    *numbering = (fd_row_numbering){
        .n_rows = n_rows,
        .numbers = reallocarray(NULL, n_rows + 1, sizeof(*numbering->numbers)),
        .rows = reallocarray(NULL, (most < n_rows ? most : n_rows) + 1, sizeof(*numbering->rows)),
    };
    if (!numbering->numbers || !numbering->rows)
        return -ENOMEM;
    fd_row_numbering_reset(numbering);
    return 0;
}

static inline void fd_row_numbering_clear(fd_row_numbering *numbering) {
    free(numbering->numbers);
    free(numbering->rows);
    *numbering = (fd_row_numbering){0};
}

/* Names a row, and returns its number. */
static inline uint32_t fd_row_numbering_add(fd_row_numbering *numbering, uint32_t row) {
    if (numbering->numbers[row] == FD_ROW_UNNAMED) {
        numbering->numbers[row] = (uint32_t)numbering->count;
        numbering->rows[numbering->count++] = row;
    }
    return numbering->numbers[row];
}

/* Numbers the named rows again, in the order of the table. */
static inline void fd_row_numbering_sort(fd_row_numbering *numbering) {
    size_t count = 0;
    for (size_t row = 0; row < numbering->n_rows; row++) {
        if (numbering->numbers[row] == FD_ROW_UNNAMED)
            continue;
        numbering->rows[count] = (uint32_t)row;
        numbering->numbers[row] = (uint32_t)count++;
    }
}

#endif
