/* Reads references to items: the id of a stored item, or an embedding. */
#include "item_reference.h"

#include <stdlib.h>

#include "json_read.h"

struct reference_body {
    const char *id;
    fd_embedding embedding;
};

static const fd_field reference_fields[] = {
    {"id", FD_FIELD_REFERENCE, .offset = offsetof(struct reference_body, id)},
    {"embedding", FD_FIELD_EMBEDDING, .offset = offsetof(struct reference_body, embedding)},
};

int fd_item_reference_read(const json_t *value, const fd_path *at, fd_item_reference *ret,
                           fd_fault *fault) {
    if (json_is_string(value))
        return fd_json_reference(value, at, &ret->id, fault);
    if (!json_is_object(value))
        return fd_json_fault(fault, at, "must be an item's id or an object with \"embedding\"");
    struct reference_body body = {0};
    int r = fd_json_read(value, at, reference_fields, FD_LENGTH(reference_fields), &body, fault);
    ret->id = body.id;
    ret->embedding = body.embedding.numbers;
    ret->dimension = body.embedding.count;
    if (r == 0 && !body.id && !body.embedding.numbers)
        return fd_json_member_fault(fault, at, "embedding", "is required");
    if (r == 0 && body.id && body.embedding.numbers)
        return fd_json_member_fault(fault, at, "embedding", "cannot be given together with \"id\"");
    return r;
}

void fd_item_references_free(fd_item_reference *references, size_t n) {
    for (size_t i = 0; references && i < n; i++)
        free((float *)references[i].embedding);
    free(references);
}
