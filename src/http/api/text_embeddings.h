/* Embeds the items of a request that come with texts and without an embedding. */
#ifndef FD_TEXT_EMBEDDINGS_H
#define FD_TEXT_EMBEDDINGS_H

#include <stddef.h>

#include "embedder.h"
#include "fault.h"
#include "item_reference.h"
#include "macros.h"
#include "request.h"
#include "store_rows.h"

enum { FD_TEXTS_MAX = 256 }; /* items that are embedded while a request waits, at most */

/* An item whose embedding is to be made. */
typedef struct fd_wanted_embedding {
    fd_embedder_texts texts;
    const float **numbers; /* gets a malloc'd vector */
    size_t *dimension;
} fd_wanted_embedding;

/* Who embeds, compared with who embedded the items: -EEXIST with a fault for another one. If that
 * is not known yet, and items are about to be stored (`are_new`), it is stored. The other errors
 * are those of fd_embedder_identify. */
int fd_text_embeddings_identify(fd_engine *engine, fd_embedder *embedder,
                                const fd_patience *patience, bool are_new,
                                fd_embedder_identity *ret, fd_fault *fault) FD_MUST_CHECK;

/* Gives the row a copy of the embedding of the stored item with its id. -ENOENT. */
int fd_text_embeddings_find_stored(fd_engine *engine, fd_item_row *row) FD_MUST_CHECK;

/* Which of n items have no embedding, neither with them nor in the store, and how many. -EINVAL
 * with a fault for one that cannot be embedded. */
int fd_text_embeddings_missing(const fd_request *request, const fd_item_row *rows, size_t n,
                               bool *is_missing, size_t *ret, fd_fault *fault) FD_MUST_CHECK;

/*
 * Makes n embeddings, of items that are about to be stored (`are_new`) or of others, within the
 * time that the embedder's options allow, and while the client waits. With a fault: -EINVAL there
 * are more than FD_TEXTS_MAX; -EEXIST the items have another embedder; what fd_embedder_embed says.
 * -ECANCELED, -ENOMEM. The caller frees the vectors.
 */
int fd_text_embeddings_make(const fd_request *request, const fd_wanted_embedding *wanted, size_t n,
                            bool are_new, fd_fault *fault) FD_MUST_CHECK;

/*
 * Makes the embeddings of the inline items among n references. Reference i belongs to element
 * i / members of `list`: it is the member names[i % members], or the element itself if names is
 * NULL. -EINVAL with a fault that points there for one without an embedding if there is no
 * embedder, and without a response if there is one. Otherwise as above.
 */
int fd_text_embeddings_of_references(const fd_request *request, const char *list,
                                     const char *const *names, size_t members,
                                     fd_item_reference *references, size_t n,
                                     fd_fault *fault) FD_MUST_CHECK;

/* Makes the embeddings of the items, whose rows own them, and leaves those that have one. An item
 * that is stored already gets the stored one, so that its texts are not embedded again. If the
 * embedder of the items is not known yet, it is stored. The other errors are as above; faults point
 * at "/items/i/embedding". *ret_made counts those made. */
int fd_text_embeddings_of_items(const fd_request *request, fd_item_row *rows, size_t n,
                                size_t *ret_made, fd_fault *fault) FD_MUST_CHECK;

#endif
