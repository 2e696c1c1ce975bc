/* Digests of rows: each member goes into the hash with its length, so that no two rows look alike.
 */
#include "copy_digest.h"

#include <math.h>
#include <string.h>

#include "array.h"

void fd_digest_clear(fd_digest *digest) {
    free(digest->blocks);
    *digest = (fd_digest){0};
}

int fd_digest_end(fd_digest *digest) {
    if (!digest->is_open)
        return 0;
    int r = fd_array_reserve(&digest->blocks, &digest->capacity, digest->n + 1, FD_DIGEST_SIZE);
    if (r < 0)
        return r;
    (void)crypto_generichash_final(&digest->state, digest->blocks[digest->n++], FD_DIGEST_SIZE);
    digest->is_open = false;
    return 0;
}

int fd_digest_row(fd_digest *digest) {
    int r = digest->rows % FD_DIGEST_BLOCK == 0 ? fd_digest_end(digest) : 0;
    if (r < 0)
        return r;
    if (!digest->is_open)
        (void)crypto_generichash_init(&digest->state, NULL, 0, FD_DIGEST_SIZE);
    digest->is_open = true;
    digest->rows++;
    return 0;
}

/* ---- members ---- */

static void update(fd_digest *digest, const void *bytes, size_t size) {
    (void)crypto_generichash_update(&digest->state, bytes, size);
}

static void update_with_length(fd_digest *digest, const void *bytes, uint64_t length) {
    update(digest, &length, sizeof(length));
    if (bytes && length > 0)
        update(digest, bytes, (size_t)length);
}

/* A store may read no bytes as NULL. */
void fd_digest_bytes(fd_digest *digest, const void *bytes, size_t size) {
    update_with_length(digest, bytes, bytes ? size : 0);
}

void fd_digest_text(fd_digest *digest, const char *text) {
    update_with_length(digest, text, text ? strlen(text) : UINT64_MAX);
}

void fd_digest_integer(fd_digest *digest, int64_t value) {
    update(digest, &value, sizeof(value));
}

void fd_digest_real(fd_digest *digest, double value) {
    double canonical = isnan(value) ? NAN : value;
    update(digest, &canonical, sizeof(canonical));
}

/* ---- comparing ---- */

bool fd_digest_is_same(const fd_digest *one, const fd_digest *other, uint64_t *ret_row) {
    size_t i = 0, shorter = one->n < other->n ? one->n : other->n;
    while (i < shorter && memcmp(one->blocks[i], other->blocks[i], FD_DIGEST_SIZE) == 0)
        i++;
    *ret_row = (uint64_t)i * FD_DIGEST_BLOCK;
    return i == one->n && i == other->n;
}
