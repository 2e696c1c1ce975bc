/*
 * The text features of items, as the store keeps them and as the engine holds them.
 *
 * The engine's matrix has a row of FD_TEXT_FEATURES numbers for each item, with its embedding's
 * index. The row is NaN where the item has no prompt or no response, and where nothing was counted
 * yet. The cosine is not stored with them but computed from the embedding, because the option
 * prompt-dimension may change. Rows that readers see never change: when the features of older items
 * were counted, another matrix takes the place of the first one (text_fill.h). A reader takes a
 * reference under the state lock.
 */
#ifndef FD_ITEM_TEXT_FEATURES_H
#define FD_ITEM_TEXT_FEATURES_H

#include <stdbool.h>

#include "engine_options.h"
#include "macros.h"
#include "store_rows.h"
#include "text_features.h"

static inline bool fd_item_has_texts(const fd_item_row *row) {
    return row->prompt && row->response;
}

/* Whether the row's stored features are what this program would store. */
static inline bool fd_item_has_text_features(const fd_item_row *row) {
    return row->text_features.values && row->text_features.count == FD_TEXT_FEATURES &&
           row->text_features.version == FD_TEXT_FEATURES_VERSION;
}

/* Counts the texts of one item that has them, into float32 as they are stored. -ENOMEM. */
int fd_text_features_of(fd_text_extractor *extractor, const fd_item_row *row,
                        float ret[static FD_TEXT_FEATURES]) FD_MUST_CHECK;

/* Counts the texts of the rows that have them, and gives each of these its features; the caller
 * frees their numbers, *ret, after the rows were stored. -ENOMEM. */
int fd_text_features_count(fd_item_row *rows, size_t n, float **ret) FD_MUST_CHECK;

/* Whether they need embeddings of that many numbers: a cosine that may differ from 0. */
bool fd_text_features_take_embeddings(const fd_engine_options *options, size_t dimension);

/* The cosine of the prompt's and the response's part of the row's embedding. */
float fd_text_features_cosine(const fd_engine_options *options, const fd_item_row *row);

/* Writes the matrix row of an item: from its stored features, or NaN. The cosine is 0 if the row
 * has no embedding. */
void fd_text_features_place(const fd_engine_options *options, const fd_item_row *row,
                            float to[static FD_TEXT_FEATURES]);

/* The features of an item that is not stored: NaN without texts, or with the option off. */
int fd_text_features_inline(fd_text_extractor *extractor, const fd_engine_options *options,
                            const fd_item_row *row,
                            float to[static FD_TEXT_FEATURES]) FD_MUST_CHECK;

#endif
