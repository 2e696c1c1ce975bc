/* Scores items as a request gives them: embeds those that are texts, within the memory that is
 * left. */
#ifndef FD_ITEM_SCORES_H
#define FD_ITEM_SCORES_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"
#include "request.h"
#include "score.h"

/* Takes the memory that scoring n references takes, beside `bytes` of the caller's. -EBUSY with a
 * fault, -ENOMEM. */
int fd_item_scores_memory(const fd_request *request, const fd_item_reference *references, size_t n,
                          size_t bytes, fd_fault *fault) FD_MUST_CHECK;

/* scores [n], by version *ret_version. The references get the embeddings of their texts, also when
 * it fails later. -EINVAL with a fault at "/LIST/i…"; otherwise as fd_engine_score and
 * text_embeddings.h say. */
int fd_item_scores(const fd_request *request, const char *list, fd_item_reference *items, size_t n,
                   fd_score *scores, uint64_t *ret_version, fd_fault *fault) FD_MUST_CHECK;

#endif
