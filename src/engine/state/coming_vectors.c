/* Reads the vectors of the coming embedder, and puts them in the place of those that serve. */
#include "coming_vectors.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "array.h"
#include "embedder_record.h"
#include "item_text_features.h"
#include "re_embedding.h"

/* Of one reading, so that the log of the database does not wait for all of them. */
enum { ROWS_AT_ONCE = 1024 };

void fd_coming_vectors_clear(fd_coming_vectors *coming) {
    fd_growing_matrix_free(coming->text_features);
    free(coming->embedder);
    free(coming->cosines);
}

/* ---- reading ---- */

struct reading {
    fd_engine *engine;
    fd_coming_vectors *coming;
};

static int take_vector(void *context, const fd_item_row *row) {
    const struct reading *reading = context;
    fd_coming_vectors *coming = reading->coming;
    if (row->index != coming->rows)
        return -EAGAIN;
    int r = fd_array_reserve(&coming->cosines, &coming->cosines_capacity, coming->rows + 1,
                             sizeof(*coming->cosines));
    if (r < 0)
        return r;
    if (coming->rows == 0)
        coming->dimension = row->dimension;
    if (row->dimension != coming->dimension)
        return -EBADMSG;
    coming->cosines[coming->rows++] = fd_text_features_cosine(&reading->engine->options, row);
    return 0;
}

int fd_coming_vectors_read(fd_engine *engine, fd_coming_vectors *coming) {
    struct reading reading = {engine, coming};
    size_t before;
    int r;
    do {
        before = coming->rows;
        r = fd_re_embedding_vectors(engine->store, (uint32_t)before, ROWS_AT_ONCE, take_vector,
                                    &reading);
    } while (r == 0 && coming->rows > before);
    return r == 0 && coming->rows == 0 ? -EAGAIN : r;
}

/* ---- the switch ---- */

/* What was counted of the texts stays; the cosines are those of the coming vectors. */
static int make_text_features(const fd_engine *engine, fd_coming_vectors *coming) {
    fd_growing_matrix_free(FD_STEAL(coming->text_features));
    int r = fd_growing_matrix_new(FD_TEXT_FEATURES, coming->rows, &coming->text_features);
    if (r < 0)
        return r;
    memcpy(coming->text_features->data, engine->text_features->data,
           coming->rows * FD_TEXT_FEATURES * sizeof(float));
    for (size_t i = 0; i < coming->rows; i++) {
        float *row = fd_growing_matrix_row(coming->text_features, i);
        if (!isnan(row[FD_TEXT_LOG_LENGTH]))
            row[FD_TEXT_COSINE] = coming->cosines[i];
    }
    return 0;
}

static int take_embedder(void *context, const fd_embedder_row *row) {
    fd_coming_vectors *coming = context;
    free(FD_STEAL(coming->embedder));
    return fd_embedder_record_copy(row, &coming->embedder);
}

int fd_coming_vectors_store(fd_engine *engine, fd_coming_vectors *coming, fd_pending *pending) {
    const fd_re_embedding_operations *store = engine->store->re_embedding;
    if (pending->items != coming->rows)
        return -ENOENT;
    int r = store->coming(engine->store, take_embedder, coming);
    if (r == 0 && !coming->embedder)
        return -ENOENT; /* it was given up */
    if (r == 0)
        r = make_text_features(engine, coming);
    if (r == 0)
        r = store->finish(engine->store);
    if (r < 0)
        return r == -EAGAIN ? -ENOENT : r;
    pending->coming = coming;
    return 0;
}

void fd_coming_vectors_apply(fd_engine *engine, fd_coming_vectors *coming) {
    fd_growing_matrix *texts = engine->text_features;
    fd_embedder_row *embedder = engine->embedder;
    engine->dimension = coming->dimension;
    free(FD_STEAL(engine->arrivals.embeddings));
    engine->arrivals.capacity = 0;
    engine->text_features = coming->text_features;
    engine->embedder = coming->embedder;
    engine->re_embeddings++;
    /* The last reader of what served before frees it. */
    coming->text_features = texts;
    coming->embedder = embedder;
}
