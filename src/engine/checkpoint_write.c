/* Writes the tables into a checkpoint: what never changes of their first rows. */
#include "checkpoint_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine_state.h"
#include "hashed_file.h"
#include "thread.h"

/* Rows that are copied at once: labels wait meanwhile. */
enum { ROWS_AT_ONCE = 1024 };

/* Numbers that a replay would give, in the order in which rows first name them. */
struct numbering {
    size_t count;
    uint32_t *given; /* [count of the engine's] plus one; 0: none yet */
};

struct writing {
    fd_engine *engine;
    const fd_checkpoint_moment *moment;
    bool (*go_on)(fd_engine *engine);
    fd_hashed_writer *file;
    struct numbering prompts, annotators;
};

static uint32_t number_of(struct numbering *numbering, uint32_t known, bool *ret_is_new) {
    *ret_is_new = numbering->given[known] == 0;
    if (*ret_is_new)
        numbering->given[known] = (uint32_t)++numbering->count;
    return numbering->given[known] - 1;
}

static bool goes_on(const struct writing *self) {
    return !self->go_on || self->go_on(self->engine);
}

/* ---- items ---- */

struct copied_item {
    const char *id, *prompt_id; /* live as long as the engine */
    uint32_t prompt;
    fd_checkpoint_item row;
};

static void copy_items(fd_engine *engine, size_t first, size_t n, struct copied_item *copied) {
    FD_READ_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < n; i++) {
        const fd_item_entry *entry = &engine->items.entries[first + i];
        copied[i] = (struct copied_item){
            .id = entry->id,
            .prompt_id = engine->items.prompts[entry->prompt].id,
            .prompt = entry->prompt,
            .row = {.response = entry->texts.response,
                    .shown = entry->texts.shown,
                    .shown_bytes = entry->shown_bytes,
                    .id_size = (uint32_t)strlen(entry->id)},
        };
        memcpy(copied[i].row.text_features, fd_growing_matrix_row(engine->text_features, first + i),
               sizeof(copied[i].row.text_features));
    }
}

static int write_item(struct writing *self, struct copied_item *item) {
    bool is_new;
    item->row.prompt = number_of(&self->prompts, item->prompt, &is_new);
    item->row.prompt_id_size = is_new ? (uint32_t)strlen(item->prompt_id) : 0;
    int r = fd_hashed_writer_add(self->file, &item->row, sizeof(item->row));
    if (r == 0)
        r = fd_hashed_writer_add(self->file, item->id, item->row.id_size);
    return r < 0 ? r : fd_hashed_writer_add(self->file, item->prompt_id, item->row.prompt_id_size);
}

static int write_items(struct writing *self) {
    FD_FREE struct copied_item *copied = calloc(ROWS_AT_ONCE, sizeof(*copied));
    size_t items = self->moment->items;
    int r = copied ? 0 : -ENOMEM;
    for (size_t first = 0; first < items && r == 0; first += ROWS_AT_ONCE) {
        size_t n = items - first < ROWS_AT_ONCE ? items - first : ROWS_AT_ONCE;
        copy_items(self->engine, first, n, copied);
        for (size_t i = 0; i < n && r == 0; i++)
            r = write_item(self, &copied[i]);
        if (r == 0 && !goes_on(self))
            r = -ECANCELED;
    }
    return r;
}

/* ---- labels ---- */

static void copy_revisions(fd_engine *engine, size_t first, size_t n, fd_label_revision *copied) {
    FD_READ_LOCKED(&engine->state_lock);
    memcpy(copied, engine->labels.revisions + first, n * sizeof(*copied));
}

static int write_revision(struct writing *self, const fd_label_revision *revision) {
    bool is_new;
    const char *name = fd_annotators_name(self->engine->annotators, revision->annotator);
    fd_checkpoint_revision row = {
        .a = revision->pair.a,
        .b = revision->pair.b,
        .label = revision->label,
        .annotator = number_of(&self->annotators, revision->annotator, &is_new),
        .created_ms = revision->created_ms,
        .duration_ms = revision->duration_ms,
        .assignment = revision->assignment,
        .origin = revision->origin,
        .preference = revision->preference,
    };
    row.annotator_size = is_new ? (uint32_t)strlen(name) : 0;
    int r = fd_hashed_writer_add(self->file, &row, sizeof(row));
    return r < 0 ? r : fd_hashed_writer_add(self->file, name, row.annotator_size);
}

static int write_revisions(struct writing *self) {
    FD_FREE fd_label_revision *copied = calloc(ROWS_AT_ONCE, sizeof(*copied));
    size_t revisions = self->moment->revisions;
    int r = copied ? 0 : -ENOMEM;
    for (size_t first = 0; first < revisions && r == 0; first += ROWS_AT_ONCE) {
        size_t n = revisions - first < ROWS_AT_ONCE ? revisions - first : ROWS_AT_ONCE;
        copy_revisions(self->engine, first, n, copied);
        for (size_t i = 0; i < n && r == 0; i++)
            r = write_revision(self, &copied[i]);
        if (r == 0 && !goes_on(self))
            r = -ECANCELED;
    }
    return r;
}

/* ---- all ---- */

static int write_header(struct writing *self) {
    const fd_engine_options *options = &self->engine->options;
    fd_checkpoint_header header = {
        .items = self->moment->items,
        .revisions = self->moment->revisions,
        .text_features = options->text_features ? FD_TEXT_FEATURES_VERSION : 0,
    };
    memcpy(header.magic, FD_CHECKPOINT_MAGIC, sizeof(header.magic));
    (void)snprintf(header.program, sizeof(header.program), "%s", options->program);
    memcpy(header.proof, self->moment->proof, sizeof(header.proof));
    return fd_hashed_writer_add(self->file, &header, sizeof(header));
}

static size_t count_prompts(fd_engine *engine) {
    FD_READ_LOCKED(&engine->state_lock);
    return engine->items.prompt_count;
}

static void writing_clear(struct writing *self) {
    if (self->file)
        fd_hashed_writer_close(self->file);
    free(self->prompts.given);
    free(self->annotators.given);
}

int fd_checkpoint_write(fd_engine *engine, const fd_checkpoint_moment *moment,
                        bool (*go_on)(fd_engine *engine), uint64_t *ret_bytes) {
    FD_CLEANUP(writing_clear)
    struct writing self = {.engine = engine, .moment = moment, .go_on = go_on};
    /* Whatever the rows name is there by now. */
    self.prompts.given = calloc(count_prompts(engine) + 1, sizeof(uint32_t));
    self.annotators.given = calloc(fd_annotators_count(engine->annotators) + 1, sizeof(uint32_t));
    if (!self.prompts.given || !self.annotators.given)
        return -ENOMEM;
    int r = fd_hashed_writer_open(engine->options.checkpoint, engine->assignment_key, &self.file);
    if (r == 0)
        r = write_header(&self);
    if (r == 0)
        r = write_items(&self);
    if (r == 0)
        r = write_revisions(&self);
    return r < 0 ? r : fd_hashed_writer_finish(self.file, ret_bytes);
}
