/* The dataset card that `fisherd export --card FILE` writes beside an export. */
#ifndef FD_EXPORT_CARD_H
#define FD_EXPORT_CARD_H

#include <stdbool.h>

#include "dataset_card.h"
#include "export_output.h"
#include "macros.h"
#include "store.h"

/* Starts as all zero. */
typedef struct fd_export_card {
    fd_dataset_card card;
    fd_export_output output;
    bool is_wanted;
} fd_export_card;

/* "" is no card. -EEXIST with a fault if there is such a file already. */
int fd_export_card_open(fd_export_card *card, const char *path, fd_fault *fault) FD_MUST_CHECK;

/* Adds a label that was asked for, if there is to be a card. -ENOMEM. */
int fd_export_card_add(fd_export_card *card, const fd_export_settings *settings,
                       const fd_labelled_pair *pair) FD_MUST_CHECK;

/* Writes the card and makes the file appear, unless `result` is a failure. Returns the first
 * failure. */
int fd_export_card_close(fd_export_card *card, fd_store *store, const fd_export_settings *settings,
                         bool has_names, int result, fd_fault *fault) FD_MUST_CHECK;

void fd_export_card_clear(fd_export_card *card);

#endif
