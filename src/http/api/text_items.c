/* Embeds what has no embedding, and adds it. */
#include "text_items.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "item_text_features.h"
#include "items.h"
#include "text_embeddings.h"

/* For counting the texts. */
static int take_memory(const fd_request *request, const fd_item_row *rows, size_t n,
                       fd_fault *fault) {
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) {
        if (!fd_item_has_texts(&rows[i]))
            continue;
        size_t prompt = strlen(rows[i].prompt), response = strlen(rows[i].response);
        size_t longer = prompt > response ? prompt : response;
        longest = longer > longest ? longer : longest;
    }
    return fd_request_take_memory(request, fd_text_features_memory(longest), fault);
}

/* Forgets the embeddings that were made of texts. */
static void forget_embeddings(fd_item_row *rows, size_t n, const bool *is_given) {
    for (size_t i = 0; i < n; i++)
        if (!is_given[i])
            free((float *)FD_STEAL(rows[i].embedding));
}

/* An embedder may give a text another vector the next time. So where another request has just added
 * an item, its vector is right, and not the one that was made here meanwhile. */
static int embed_and_add(const fd_request *request, fd_item_row *rows, size_t n,
                         const fd_embedding_job_row *job, fd_added *ret, fd_fault *fault) {
    FD_FREE bool *is_given = calloc(n ? n : 1, sizeof(*is_given));
    size_t made;
    if (!is_given)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        is_given[i] = rows[i].embedding != NULL;
    int r = fd_text_embeddings_of_items(request, rows, n, &made, fault);
    if (r < 0)
        return r;
    r = fd_engine_items_add_of_job(request->engine, rows, n, job, ret, fault);
    if (r != -EEXIST || made == 0 || is_given[ret->conflict])
        return r;
    *fault = (fd_fault){0};
    forget_embeddings(rows, n, is_given);
    r = fd_text_embeddings_of_items(request, rows, n, &made, fault);
    return r < 0 ? r : fd_engine_items_add_of_job(request->engine, rows, n, job, ret, fault);
}

int fd_text_items_add(const fd_request *request, fd_item_row *rows, size_t n,
                      const fd_embedding_job_row *job, fd_added *ret, fd_fault *fault) {
    int r = take_memory(request, rows, n, fault);
    return r < 0 ? r : embed_and_add(request, rows, n, job, ret, fault);
}
