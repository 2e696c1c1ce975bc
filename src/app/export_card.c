/* Collects the dataset card of an export, and writes it with what the store says beside. */
#include "export_card.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"

enum { MODELS_MAX = 1000000 };

int fd_export_card_open(fd_export_card *card, const char *path, fd_fault *fault) {
    fd_dataset_card_open(&card->card);
    card->is_wanted = path[0] != '\0';
    return card->is_wanted ? fd_export_output_open(&card->output, path, fault) : 0;
}

int fd_export_card_add(fd_export_card *card, const fd_export_settings *settings,
                       const fd_labelled_pair *pair) {
    return card->is_wanted && fd_export_is_asked_for(settings, pair)
               ? fd_dataset_card_add(&card->card, pair)
               : 0;
}

struct surroundings {
    fd_card_surroundings known;
    char *embedder;
};

static void surroundings_clear(struct surroundings *surroundings) {
    free(surroundings->embedder);
}

static int visit_model(void *context, const fd_model_row *row) {
    struct surroundings *surroundings = context;
    if (row->state != FD_MODEL_ACTIVE)
        return 0;
    surroundings->known.has_model = true;
    surroundings->known.model = *row;
    surroundings->known.model.reason = NULL;
    return 1;
}

static int visit_embedder(void *context, const fd_embedder_row *row) {
    struct surroundings *surroundings = context;
    surroundings->embedder = strdup(row->name);
    surroundings->known.embedder = surroundings->embedder;
    surroundings->known.dimension = row->dimension;
    return surroundings->embedder ? 0 : -ENOMEM;
}

static int write_card(fd_export_card *card, fd_store *store, const fd_export_settings *settings,
                      bool has_names) {
    FD_CLEANUP(surroundings_clear)
    struct surroundings surroundings = {
        .known = {.settings = settings, .version = FD_VERSION, .has_names = has_names}};
    int r = store->operations->models_read(store, INT64_MAX, MODELS_MAX, false, visit_model,
                                           &surroundings);
    if (r >= 0)
        r = store->operations->embedder_read(store, visit_embedder, &surroundings);
    return r < 0 ? r : fd_dataset_card_write(&card->card, &surroundings.known, &card->output.sink);
}

int fd_export_card_close(fd_export_card *card, fd_store *store, const fd_export_settings *settings,
                         bool has_names, int result, fd_fault *fault) {
    if (!card->is_wanted)
        return result;
    if (result == 0)
        result = write_card(card, store, settings, has_names);
    return fd_export_output_close(&card->output, result, fault);
}

void fd_export_card_clear(fd_export_card *card) {
    fd_dataset_card_clear(&card->card);
    fd_export_output_clear(&card->output);
}
