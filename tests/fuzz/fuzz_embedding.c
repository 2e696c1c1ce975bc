/* Answers of a server of embeddings. The first byte says how many texts were sent, and which
 * dimension is known. */
#include <errno.h>
#include <fisher/model.h>
#include <math.h>

#include "embedding_reply.h"
#include "fuzz.h"

static void check_vectors(const fd_vectors *vectors, size_t n) {
    assert(vectors->dimension >= 1 && vectors->dimension <= FI_INPUTS_MAX);
    for (size_t i = 0; i < n * vectors->dimension; i++)
        assert(fabsf(vectors->values[i]) <= FI_EMBEDDING_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    FD_CLEANUP(fd_vectors_clear) fd_vectors vectors = {0};
    fd_fault fault = {0};
    if (size == 0)
        return 0;
    size_t n = 1 + data[0] % 8, known = data[0] / 8 % 4;
    int r = fd_embedding_reply_read((const char *)data + 1, size - 1, n, known, &vectors, &fault);
    if (r == 0) {
        assert(known == 0 || vectors.dimension == known);
        check_vectors(&vectors, n);
    } else {
        assert(!vectors.values);
        assert(r == -ENOMEM || (r == -EPROTO && fault.detail[0] != '\0'));
    }
    return 0;
}
