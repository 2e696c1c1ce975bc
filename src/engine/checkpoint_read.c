/* Reads a checkpoint: every byte of it is checked before it is used. */
#include "checkpoint_read.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "assignments_state.h"
#include "engine_state.h"
#include "hashed_file.h"
#include "item_extras.h"
#include "label_effects.h"

enum { ROWS_AT_ONCE = 1024, PREFETCHED = 32, TEXT_SIZE_MAX = 1 << 16 };

typedef struct reading {
    fd_engine *engine;
    fd_hashed_reader *file;
    fd_checkpoint_header header;
    char id[TEXT_SIZE_MAX], prompt_id[TEXT_SIZE_MAX];
    fd_checkpoint_step *step;
    void *context;
} reading;

static int take_text(reading *self, uint32_t size, char to[static TEXT_SIZE_MAX]) {
    if (size == 0 || size >= TEXT_SIZE_MAX)
        return -EBADMSG;
    int r = fd_hashed_reader_take(self->file, to, size);
    to[size] = '\0';
    return r < 0 ? r : strlen(to) == size ? 0 : -EBADMSG;
}

static void tell(const reading *self, uint64_t row) {
    if (row % ROWS_AT_ONCE == 0)
        self->step(self->context);
}

/* ---- the header ---- */

static bool has_proof(const fd_checkpoint_proofs *proofs, const unsigned char *proof) {
    for (size_t i = 0; i < proofs->count; i++)
        if (memcmp(proofs->bytes + i * FD_CHECKPOINT_PROOF, proof, FD_CHECKPOINT_PROOF) == 0)
            return true;
    return false;
}

/* NULL: it may be read. */
static const char *refusal(const reading *self, const fd_checkpoint_proofs *proofs) {
    const fd_checkpoint_header *header = &self->header;
    const fd_engine_options *options = &self->engine->options;
    uint64_t features = options->text_features ? FD_TEXT_FEATURES_VERSION : 0;
    if (memcmp(header->magic, FD_CHECKPOINT_MAGIC, sizeof(header->magic)) != 0)
        return "it has another format";
    if (strncmp(header->program, options->program, sizeof(header->program)) != 0)
        return "another version of the program wrote it";
    if (!has_proof(proofs, header->proof))
        return "the store has another history";
    if (header->text_features != features)
        return "the text features are others";
    if (header->items >= UINT32_MAX || header->revisions >= UINT32_MAX ||
        header->items > self->file->left / sizeof(fd_checkpoint_item) ||
        header->revisions > self->file->left / sizeof(fd_checkpoint_revision))
        return "it is damaged";
    return NULL;
}

/* ---- items ---- */

static int take_prompt(reading *self, const fd_checkpoint_item *row, const char **ret_new_id) {
    const fd_item_table *items = &self->engine->items;
    *ret_new_id = NULL;
    if (row->prompt_id_size == 0)
        return row->prompt < items->prompt_count ? 0 : -EBADMSG;
    int r = take_text(self, row->prompt_id_size, self->prompt_id);
    if (r < 0)
        return r;
    *ret_new_id = self->prompt_id;
    return row->prompt == items->prompt_count && !fd_item_table_find_prompt(items, self->prompt_id)
               ? 0
               : -EBADMSG;
}

static int take_item(reading *self, uint32_t index) {
    fd_engine *engine = self->engine;
    fd_checkpoint_item row;
    const char *new_prompt = NULL;
    int r = fd_hashed_reader_take(self->file, &row, sizeof(row));
    if (r == 0)
        r = take_text(self, row.id_size, self->id);
    if (r == 0 && fd_item_table_find(&engine->items, self->id) != FD_NO_ROW)
        r = -EBADMSG;
    if (r == 0)
        r = take_prompt(self, &row, &new_prompt);
    if (r < 0)
        return r;
    fd_item_entry entry = {.prompt = row.prompt,
                           .shown_bytes = row.shown_bytes,
                           .texts = {.response = row.response, .shown = row.shown}};
    r = fd_text_arena_add(&engine->items.ids, self->id, &entry.id);
    if (r == 0)
        r = fd_item_table_reserve(&engine->items, 1, &entry, &new_prompt, 1);
    if (r < 0)
        return r;
    if (!isnan(row.text_features[FD_TEXT_LOG_LENGTH]))
        row.text_features[FD_TEXT_COSINE] = 0; /* it is that of the embeddings of now */
    memcpy(fd_growing_matrix_row(engine->text_features, index), row.text_features,
           sizeof(row.text_features));
    fd_item_group_set(engine->groups, index, entry.prompt);
    fd_item_table_add(&engine->items, &entry);
    return 0;
}

static int take_items(reading *self) {
    fd_engine *engine = self->engine;
    size_t items = (size_t)self->header.items;
    int r = items == 0 ? 0 : fd_growing_matrix_new(FD_TEXT_FEATURES, items, &engine->text_features);
    if (r == 0 && items > 0)
        r = fd_growing_matrix_new(1, items, &engine->groups);
    for (size_t i = 0; i < items && r == 0; i++) {
        r = take_item(self, (uint32_t)i);
        tell(self, i);
    }
    return r;
}

/* ---- labels ---- */

static int take_annotator(reading *self, const fd_checkpoint_revision *row) {
    fd_annotators *annotators = self->engine->annotators;
    size_t known = fd_annotators_count(annotators);
    uint32_t number;
    if (row->annotator_size == 0)
        return row->annotator < known ? 0 : -EBADMSG;
    int r = take_text(self, row->annotator_size, self->id);
    if (r == 0)
        r = fd_annotators_get_or_add(annotators, self->id, &number);
    if (r < 0)
        return r;
    return number == row->annotator && number == known ? 0 : -EBADMSG;
}

/* A revision is of itself or of a label that came before, of the same pair. */
static bool is_sound(const fd_engine *engine, const fd_checkpoint_revision *row) {
    const fd_label_table *labels = &engine->labels;
    size_t items = engine->items.count;
    if (row->a >= items || row->b >= items || row->a == row->b || row->label > labels->count ||
        row->preference > FD_PREFER_RETRACTED)
        return false;
    if (row->label == labels->count)
        return true;
    const fd_label_revision *first = &labels->revisions[row->label];
    return first->label == row->label && first->pair.a == row->a && first->pair.b == row->b;
}

static int add_revision(reading *self, const fd_checkpoint_revision *row) {
    fd_engine *engine = self->engine;
    fd_label_table *labels = &engine->labels;
    if (!is_sound(engine, row))
        return -EBADMSG;
    fd_preference before = row->label < labels->count
                               ? (fd_preference)labels->revisions[row->label].newest
                               : FD_PREFER_RETRACTED;
    const fd_label_row label = {
        .item_a = row->a,
        .item_b = row->b,
        .preference = (fd_preference)row->preference,
        .created_ms = row->created_ms,
        .duration_ms = row->duration_ms,
    };
    fd_label_revision revision = fd_label_revision_of(&label, row->label, row->annotator);
    fd_label_table_add(labels, &revision,
                       (fd_origin){.arm_and_p = (uint16_t)(row->origin & (FD_ORIGIN_SWAPPED - 1)),
                                   .swapped = (row->origin & FD_ORIGIN_SWAPPED) != 0,
                                   .number = row->assignment});
    return fd_label_effects_replay(engine, &label, row->annotator, before);
}

static int take_revision(reading *self, fd_checkpoint_revision *ret) {
    int r = fd_hashed_reader_take(self->file, ret, sizeof(*ret));
    return r < 0 ? r : take_annotator(self, ret);
}

/* The tables are large, and most of the time of adding a row would go into waiting for memory. */
static void prefetch(const fd_engine *engine, const fd_checkpoint_revision *rows, size_t n) {
    const fd_pair_records *records = &engine->assignments->records;
    for (size_t i = 0; i < n; i++) {
        fi_pair pair = {rows[i].a, rows[i].b};
        fd_label_table_prefetch(&engine->labels, pair, rows[i].assignment);
        fd_pair_records_prefetch_slot(records, pair);
    }
    for (size_t i = 0; i < n; i++)
        fd_pair_records_prefetch(records, (fi_pair){rows[i].a, rows[i].b});
}

static int take_revisions(reading *self) {
    fd_checkpoint_revision rows[PREFETCHED];
    uint64_t revisions = self->header.revisions;
    int r = fd_label_table_reserve(&self->engine->labels, (size_t)revisions);
    for (uint64_t first = 0; first < revisions && r == 0; first += PREFETCHED) {
        size_t n = revisions - first < PREFETCHED ? (size_t)(revisions - first) : PREFETCHED;
        for (size_t i = 0; i < n && r == 0; i++)
            r = take_revision(self, &rows[i]);
        if (r == 0)
            prefetch(self->engine, rows, n);
        for (size_t i = 0; i < n && r == 0; i++)
            r = add_revision(self, &rows[i]);
        tell(self, first);
    }
    return r;
}

/* ---- all ---- */

static void reading_free(reading *self) {
    if (self->file)
        fd_hashed_reader_close(self->file);
    free(self);
}
FD_DEFINE_CLEANUP(reading, reading_free)

int fd_checkpoint_read(fd_engine *engine, const fd_checkpoint_proofs *proofs,
                       fd_checkpoint_step *step, void *context, const char **ret_reason) {
    FD_CLEANUP(reading_freep) reading *self = calloc(1, sizeof(*self));
    if (!self)
        return -ENOMEM;
    self->engine = engine;
    self->step = step;
    self->context = context;
    *ret_reason = "it is damaged";
    int r = fd_hashed_reader_open(engine->options.checkpoint, engine->assignment_key, &self->file);
    if (r == 0)
        r = fd_hashed_reader_take(self->file, &self->header, sizeof(self->header));
    if (r < 0)
        return r;
    const char *why = refusal(self, proofs);
    if (why) {
        *ret_reason = why;
        return -EBADMSG;
    }
    r = take_items(self);
    if (r == 0)
        r = take_revisions(self);
    return r == 0 && self->file->left > 0 ? -EBADMSG : r;
}
