/* Keeps the scores of all items, by name and item. */
#include "score_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "array.h"

int fd_score_table_reserve(fd_score_table *table, uint32_t name, uint32_t item) {
    fd_score_column *column = &table->columns[name];
    size_t before = column->capacity;
    int r = fd_array_reserve(&column->values, &column->capacity, (size_t)item + 1,
                             sizeof(*column->values));
    for (size_t i = before; i < column->capacity; i++)
        column->values[i] = NAN;
    return r;
}

void fd_score_table_set(fd_score_table *table, uint32_t name, uint32_t item, double value) {
    fd_score_column *column = &table->columns[name];
    double before = column->values[item];
    column->values[item] = value;
    if (isnan(before) && !isnan(value))
        column->count++;
    if (!isnan(before) && isnan(value))
        column->count--;
    table->changes++;
}

double fd_score_table_at(const fd_score_table *table, uint32_t name, uint32_t item) {
    const fd_score_column *column = &table->columns[name];
    return item < column->capacity ? column->values[item] : NAN;
}

void fd_score_table_rows(const fd_score_table *table, uint32_t first, size_t n, float *values) {
    size_t width = table->names.count;
    for (uint32_t name = 0; name < width; name++)
        for (size_t i = 0; i < n; i++)
            values[i * width + name] = (float)fd_score_table_at(table, name, first + (uint32_t)i);
}

void fd_score_table_clear(fd_score_table *table) {
    for (size_t i = 0; i < FD_SCORE_NAMES_MAX; i++)
        free(table->columns[i].values);
}
