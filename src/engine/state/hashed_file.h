/*
 * A file with a keyed hash of all its bytes at its end: who does not know the key can neither make
 * one nor change it. It is written under another name, synced and renamed, so that it is there as a
 * whole or not at all.
 */
#ifndef FD_HASHED_FILE_H
#define FD_HASHED_FILE_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "macros.h"

enum { FD_HASHED_FILE_KEY = 32 };

/* ---- writing ---- */

typedef struct fd_hashed_writer {
    int file;
    char *path, *temporary;
    unsigned char *buffer;
    size_t used;   /* bytes in the buffer */
    uint64_t size; /* bytes that were written to the file */
    crypto_generichash_state hash;
} fd_hashed_writer;

/* Begins a file in the place of `path`. -errno, -ENOMEM. */
int fd_hashed_writer_open(const char *path, const unsigned char key[static FD_HASHED_FILE_KEY],
                          fd_hashed_writer **ret) FD_MUST_CHECK;

int fd_hashed_writer_add(fd_hashed_writer *writer, const void *bytes, size_t size) FD_MUST_CHECK;

/* Puts the file into its place. *ret_size: its bytes. */
int fd_hashed_writer_finish(fd_hashed_writer *writer, uint64_t *ret_size) FD_MUST_CHECK;

/* Removes what was not finished. */
void fd_hashed_writer_close(fd_hashed_writer *writer);
FD_DEFINE_CLEANUP(fd_hashed_writer, fd_hashed_writer_close)

/* ---- reading ---- */

typedef struct fd_hashed_reader {
    int file;
    uint64_t left; /* bytes that were not given out, without the hash */
    unsigned char *buffer;
    size_t used, filled; /* bytes of the buffer: given out, and read */
} fd_hashed_reader;

/* Opens a file and checks all its bytes. -ENOENT, -errno, -ENOMEM; -EBADMSG: they are not those
 * that were written with this key. */
int fd_hashed_reader_open(const char *path, const unsigned char key[static FD_HASHED_FILE_KEY],
                          fd_hashed_reader **ret) FD_MUST_CHECK;

/* -EBADMSG if fewer bytes are left. */
int fd_hashed_reader_take(fd_hashed_reader *reader, void *bytes, size_t size) FD_MUST_CHECK;

void fd_hashed_reader_close(fd_hashed_reader *reader);
FD_DEFINE_CLEANUP(fd_hashed_reader, fd_hashed_reader_close)

#endif
