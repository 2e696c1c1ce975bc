/* What is known of an item's texts in memory: enough to tell whether two items show the same. */
#ifndef FD_ITEM_TEXTS_H
#define FD_ITEM_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include "store_rows.h"

/* Values of a hash that stand for no text and for a text of nothing but white space. */
enum { FD_TEXT_ABSENT = 0, FD_TEXT_BLANK = 1 };

typedef struct fd_item_texts {
    uint64_t response; /* hash, without the white space at its ends */
    uint64_t shown;    /* of the prompt and the response */
} fd_item_texts;

fd_item_texts fd_item_texts_of(const fd_item_row *row);

#endif
