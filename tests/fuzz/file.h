/* Input as a file, for what reads files: it is in memory and has a path. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stddef.h>
#include <stdint.h>

/* The path, which is good until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif
