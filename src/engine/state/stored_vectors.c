/* Reads the embeddings of stored items. */
#include "stored_vectors.h"

#include <errno.h>
#include <string.h>

#include "re_embedding.h"

/* Of one reading, so that the log of the database does not wait for all of them. */
enum { ROWS_AT_ONCE = 1024 };

struct visiting {
    size_t next; /* the index that must come */
    fd_item_visit *visit;
    void *context;
};

static int visit_next(void *context, const fd_item_row *row) {
    struct visiting *visiting = context;
    if (row->index != visiting->next)
        return -EBADMSG;
    visiting->next++;
    return visiting->visit(visiting->context, row);
}

static int read_some(const fd_vector_source *source, size_t limit, struct visiting *visiting) {
    uint32_t first = (uint32_t)visiting->next;
    return source->are_coming
               ? fd_re_embedding_vectors(source->store, first, limit, visit_next, visiting)
               : source->store->operations->vectors_read(source->store, first, limit, visit_next,
                                                         visiting);
}

int fd_stored_vectors_visit(const fd_vector_source *source, size_t first, size_t end,
                            fd_item_visit *visit, void *context) {
    struct visiting visiting = {first, visit, context};
    int r = 0;
    while (r == 0 && visiting.next < end) {
        size_t before = visiting.next, left = end - before;
        r = read_some(source, left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE, &visiting);
        if (r == 0 && visiting.next == before)
            return -EBADMSG;
    }
    return r;
}

struct copying {
    size_t first, dimension;
    float *to;
};

static int copy_vector(void *context, const fd_item_row *row) {
    const struct copying *copying = context;
    if (row->dimension != copying->dimension)
        return -EBADMSG;
    memcpy(copying->to + (row->index - copying->first) * copying->dimension, row->embedding,
           copying->dimension * sizeof(float));
    return 0;
}

int fd_stored_vectors_copy(const fd_vector_source *source, size_t first, size_t end,
                           size_t dimension, float *to) {
    struct copying copying = {first, dimension, to};
    return fd_stored_vectors_visit(source, first, end, copy_vector, &copying);
}
