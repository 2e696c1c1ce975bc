/* .npy, .npz and safetensors, which `fisherd import` reads. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "file.h"
#include "fuzz.h"
#include "macros.h"
#include "npy.h"

static fd_npy *open_again(const char *path) {
    fd_npy *npy = NULL;
    fd_fault fault = {0};
    int r = fd_npy_open(path, &npy, &fault);
    assert(r == 0);
    return npy;
}

/* Both ways of reading give the same numbers of every row, and then report the end. */
static void read_rows(const char *path, fd_npy *npy, size_t size, bool is_archive) {
    size_t rows = fd_npy_rows(npy), columns = fd_npy_columns(npy);
    if (columns == 0 || rows == 0)
        return;
    /* What an archive holds may be a thousand times as long as the archive. */
    if (rows > size / columns) {
        assert(is_archive);
        return;
    }
    FD_CLEANUP(fd_npy_closep) fd_npy *other = open_again(path);
    FD_FREE double *values = calloc(rows, columns * sizeof(*values));
    FD_FREE float *floats = calloc(rows, columns * sizeof(*floats));
    assert(values && floats);
    int r = 0;
    for (size_t i = 0; i < rows && r == 0; i++)
        r = fd_npy_read(npy, 1, values + i * columns);
    assert(r == 0);
    r = fd_npy_read_float(other, rows, floats);
    assert(r == 0);
    for (size_t i = 0; i < rows * columns; i++) {
        float rounded = (float)values[i];
        assert(values[i] != values[i] || memcmp(&rounded, &floats[i], sizeof(rounded)) == 0);
    }
    assert(fd_npy_read(npy, 1, values) == -ENODATA);
    assert(fd_npy_read_float(other, 1, floats) == -ENODATA);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = fuzz_file(data, size);
    FD_CLEANUP(fd_npy_closep) fd_npy *npy = NULL;
    fd_fault fault = {0};
    int r = fd_npy_open(path, &npy, &fault);
    assert(r == 0 || r == -EBADMSG);
    fuzz_check_fault(r, &fault);
    assert((r == 0) == (npy != NULL));
    if (r == 0)
        read_rows(path, npy, size, size > 2 && memcmp(data, "PK", 2) == 0);
    return 0;
}
