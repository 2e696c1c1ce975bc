/* Finds the arrays in a ZIP archive, such as NumPy's .npz. */
#ifndef FD_ZIP_MEMBER_H
#define FD_ZIP_MEMBER_H

#include <stdint.h>
#include <stdio.h>

#include "fault.h"
#include "macros.h"

/*
 * Opens the one member whose name ends with ".npy", or the one that is called embeddings.npy. It is
 * decompressed into a file of its own, which has no name. *ret is where it begins, *ret_size its
 * bytes; *ret_file is `archive`, or another file, which the caller closes then. -EBADMSG with a
 * fault without the path; -EIO.
 */
int fd_zip_member_open(FILE *archive, FILE **ret_file, uint64_t *ret, uint64_t *ret_size,
                       fd_fault *fault) FD_MUST_CHECK;

#endif
