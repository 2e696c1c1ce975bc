/* Finds the embeddings in a file of safetensors: the length of a header, the header in JSON,
 * numbers.
 */
#ifndef FD_SAFETENSORS_H
#define FD_SAFETENSORS_H

#include "fault.h"
#include "macros.h"
#include "number_file.h"

/*
 * Describes the one tensor of a file, or the one that is called "embeddings", in `ret`, whose file
 * is open and has `size` bytes. -EBADMSG with a fault without the path; -ENOMEM.
 */
int fd_safetensors_find(fd_number_file *ret, uint64_t size, fd_fault *fault) FD_MUST_CHECK;

#endif
