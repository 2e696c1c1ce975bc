/* The input as a file in memory, for functions that take a path. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/* Returns the path, which is valid until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif
