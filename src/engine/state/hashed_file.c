/* Writes and reads files with a hash at their end, by pieces of a megabyte. */
#include "hashed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file_owner.h"

enum { PIECE = 1 << 20, HASH = 32 };

/* The disk gets the file in parts: a sync of all of it would hold up those of the database. */
enum { SYNCED_AT_ONCE = 8 << 20 };

/* ---- writing ---- */

static int write_all(fd_hashed_writer *writer, const unsigned char *bytes, size_t size) {
    uint64_t before = writer->size / SYNCED_AT_ONCE;
    while (size > 0) {
        ssize_t n = write(writer->file, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        bytes += n;
        size -= (size_t)n;
        writer->size += (uint64_t)n;
    }
    bool is_due = writer->size / SYNCED_AT_ONCE > before;
    return is_due && fdatasync(writer->file) < 0 ? -errno : 0;
}

static int flush(fd_hashed_writer *writer) {
    (void)crypto_generichash_update(&writer->hash, writer->buffer, writer->used);
    int r = write_all(writer, writer->buffer, writer->used);
    writer->used = 0;
    return r;
}

int fd_hashed_writer_open(const char *path, const unsigned char key[static FD_HASHED_FILE_KEY],
                          fd_hashed_writer **ret) {
    FD_CLEANUP(fd_hashed_writer_closep) fd_hashed_writer *writer = calloc(1, sizeof(*writer));
    if (!writer)
        return -ENOMEM;
    writer->file = -1;
    writer->path = strdup(path);
    writer->buffer = malloc(PIECE);
    if (!writer->path || !writer->buffer || asprintf(&writer->temporary, "%s.new", path) < 0) {
        writer->temporary = NULL;
        return -ENOMEM;
    }
    (void)unlink(writer->temporary); /* one that a crash left */
    writer->file = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = writer->file < 0 ? -errno : fd_file_owner_like(writer->file, path);
    if (r < 0)
        return r;
    (void)crypto_generichash_init(&writer->hash, key, FD_HASHED_FILE_KEY, HASH);
    *ret = FD_STEAL(writer);
    return 0;
}

int fd_hashed_writer_add(fd_hashed_writer *writer, const void *bytes, size_t size) {
    const unsigned char *next = bytes;
    while (size > 0) {
        size_t room = PIECE - writer->used, n = size < room ? size : room;
        memcpy(writer->buffer + writer->used, next, n);
        writer->used += n;
        next += n;
        size -= n;
        int r = writer->used == PIECE ? flush(writer) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

static int sync_folder(char *path) {
    int folder = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = folder < 0 || fsync(folder) < 0 ? -errno : 0;
    if (folder >= 0)
        (void)close(folder);
    return r;
}

int fd_hashed_writer_finish(fd_hashed_writer *writer, uint64_t *ret_size) {
    unsigned char hash[HASH];
    int r = flush(writer);
    (void)crypto_generichash_final(&writer->hash, hash, sizeof(hash));
    if (r == 0)
        r = write_all(writer, hash, sizeof(hash));
    if (r == 0 && (fsync(writer->file) < 0 || rename(writer->temporary, writer->path) < 0))
        r = -errno;
    if (r < 0)
        return r;
    free(FD_STEAL(writer->temporary));
    *ret_size = writer->size;
    return sync_folder(writer->path);
}

void fd_hashed_writer_close(fd_hashed_writer *writer) {
    if (writer->file >= 0)
        (void)close(writer->file);
    if (writer->file >= 0 && writer->temporary)
        (void)unlink(writer->temporary);
    free(writer->path);
    free(writer->temporary);
    free(writer->buffer);
    free(writer);
}

/* ---- reading ---- */

/* *ret: fewer than `size` only at the end of the file. */
static int read_all(int file, unsigned char *bytes, size_t size, size_t *ret) {
    for (*ret = 0; *ret < size;) {
        ssize_t n = read(file, bytes + *ret, size - *ret);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        *ret += (size_t)n;
    }
    return 0;
}

static int check_hash(fd_hashed_reader *reader, const unsigned char *key) {
    crypto_generichash_state state;
    unsigned char hash[HASH], stored[HASH];
    size_t n = 0;
    int r = 0;
    (void)crypto_generichash_init(&state, key, FD_HASHED_FILE_KEY, HASH);
    for (uint64_t left = reader->left; left > 0; left -= n) {
        size_t wanted = left < PIECE ? (size_t)left : PIECE;
        r = read_all(reader->file, reader->buffer, wanted, &n);
        if (r < 0 || n < wanted)
            return r < 0 ? r : -EBADMSG;
        (void)crypto_generichash_update(&state, reader->buffer, n);
    }
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    r = read_all(reader->file, stored, sizeof(stored), &n);
    if (r < 0)
        return r;
    return n == sizeof(stored) && sodium_memcmp(hash, stored, sizeof(hash)) == 0 ? 0 : -EBADMSG;
}

int fd_hashed_reader_open(const char *path, const unsigned char key[static FD_HASHED_FILE_KEY],
                          fd_hashed_reader **ret) {
    FD_CLEANUP(fd_hashed_reader_closep) fd_hashed_reader *reader = calloc(1, sizeof(*reader));
    struct stat status;
    if (!reader)
        return -ENOMEM;
    reader->buffer = malloc(PIECE);
    reader->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (reader->file < 0 || fstat(reader->file, &status) < 0)
        return -errno;
    if (!reader->buffer)
        return -ENOMEM;
    if (!S_ISREG(status.st_mode) || status.st_size < HASH)
        return -EBADMSG;
    reader->left = (uint64_t)status.st_size - HASH;
    int r = check_hash(reader, key);
    if (r == 0 && lseek(reader->file, 0, SEEK_SET) < 0)
        r = -errno;
    if (r < 0)
        return r;
    *ret = FD_STEAL(reader);
    return 0;
}

static int fill(fd_hashed_reader *reader) {
    reader->used = 0;
    return read_all(reader->file, reader->buffer, PIECE, &reader->filled);
}

int fd_hashed_reader_take(fd_hashed_reader *reader, void *bytes, size_t size) {
    unsigned char *next = bytes;
    if (size > reader->left)
        return -EBADMSG;
    reader->left -= size;
    while (size > 0) {
        int r = reader->used == reader->filled ? fill(reader) : 0;
        size_t room = reader->filled - reader->used, n = size < room ? size : room;
        if (r < 0 || n == 0)
            return r < 0 ? r : -EBADMSG; /* it was cut since it was checked */
        memcpy(next, reader->buffer + reader->used, n);
        reader->used += n;
        next += n;
        size -= n;
    }
    return 0;
}

void fd_hashed_reader_close(fd_hashed_reader *reader) {
    if (reader->file >= 0)
        (void)close(reader->file);
    free(reader->buffer);
    free(reader);
}
