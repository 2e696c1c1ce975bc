/* Scores the items of a request. */
#include "item_scores.h"

#include <stdio.h>
#include <string.h>

#include "item_reference.h"
#include "model_info.h"
#include "text_embeddings.h"

/* For the features of inline items, as they are computed, and for counting their texts. */
int fd_item_scores_memory(const fd_request *request, const fd_item_reference *references, size_t n,
                          size_t bytes, fd_fault *fault) {
    fd_model_info model;
    int r = fd_engine_model(request->engine, &model);
    if (r < 0)
        return r;
    size_t inlined = 0;
    for (size_t i = 0; i < n; i++)
        inlined += references[i].id ? 0 : 1;
    return fd_request_take_memory(request,
                                  inlined * 2 * sizeof(float) * model.feature_count + bytes +
                                      fd_item_references_memory(references, n),
                                  fault);
}

/* The engine points at "/items/i". */
static void rename_list(const char *list, fd_fault *fault) {
    static const char items[] = "/items";
    if (strncmp(fault->pointer, items, sizeof(items) - 1) != 0)
        return;
    fd_fault renamed = *fault;
    (void)snprintf(renamed.pointer, sizeof(renamed.pointer), "/%s%s", list,
                   fault->pointer + sizeof(items) - 1);
    *fault = renamed;
}

int fd_item_scores(const fd_request *request, const char *list, fd_item_reference *items, size_t n,
                   fd_score *scores, uint64_t *ret_version, fd_fault *fault) {
    int r = fd_item_scores_memory(request, items, n, n * sizeof(*scores), fault);
    if (r == 0 && n > 0)
        r = fd_text_embeddings_of_references(request, list, NULL, 1, items, n, fault);
    if (r < 0)
        return r;
    r = fd_engine_score(request->engine, items, n, scores, ret_version, fault);
    if (r < 0)
        rename_list(list, fault);
    return r;
}
