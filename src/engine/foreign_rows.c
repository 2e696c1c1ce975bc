/* Prepares the rows of others, and applies them. */
#include "foreign_rows.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "assignments_state.h"
#include "embedder_record.h"
#include "engine_state.h"
#include "item_room.h"
#include "label_effects.h"
#include "label_room.h"
#include "leases.h"
#include "log.h"
#include "model_following.h"
#include "replica.h"
#include "score_changes.h"
#include "text_hash.h"
#include "thread.h"

struct foreign_label {
    fd_label_revision revision;
    fd_origin origin;
    bool is_first; /* of its label */
    fd_preference before;
};

struct foreign_assignment {
    fd_assignment_row row; /* its annotator's name lives as long as the engine */
    char id[FD_ASSIGNMENT_ID_SIZE];
    char *strategy;
};

struct foreign {
    fd_engine *engine;
    fd_pending pending;
    size_t n_entries, entry_capacity;
    fd_item_entry **entries; /* [n_entries], each NULL once the table owns it */
    fd_score_changes scores;
    bool has_project;
    fd_project_state project;
    fd_embedder_row *embedder; /* NULL: the same as before */
    size_t n_labels, label_capacity;
    struct foreign_label *labels; /* [n_labels] */
    size_t n_assignments, assignment_capacity;
    struct foreign_assignment *assignments; /* [n_assignments] */
    bool has_models;
};

static void foreign_clear(struct foreign *self) {
    for (size_t i = 0; i < self->n_entries; i++)
        if (self->entries[i])
            fd_item_entry_free(self->entries[i]);
    free(self->entries);
    fd_score_changes_clear(&self->scores);
    free(self->embedder);
    free(self->labels);
    for (size_t i = 0; i < self->n_assignments; i++)
        free(self->assignments[i].strategy);
    free(self->assignments);
}

/* ---- preparing ---- */

static int prepare_item(void *context, const fd_item_row *row) {
    struct foreign *self = context;
    fd_engine *engine = self->engine;
    if (row->index < self->pending.items)
        return 0;
    if (row->index > self->pending.items ||
        (self->pending.items > 0 && row->dimension != engine->dimension))
        return -EBADMSG;
    int r = fd_array_reserve(&self->entries, &self->entry_capacity, self->n_entries + 1,
                             sizeof(fd_item_entry *));
    if (r == 0)
        r = fd_item_entry_new(row, &self->entries[self->n_entries]);
    if (r < 0)
        return r;
    fd_item_entry *const *entry = &self->entries[self->n_entries++];
    r = fd_item_room_make(engine, &self->pending, row->dimension, entry, &row->prompt_id, 1);
    if (r < 0)
        return r;
    fd_item_numbers_set(engine, row->index, row, (*entry)->prompt);
    self->pending.items++;
    return 0;
}

static int prepare_score(void *context, const fd_score_row *row) {
    struct foreign *self = context;
    if (row->item >= self->pending.items)
        return -EBADMSG;
    int r = fd_score_changes_note(&self->scores, self->engine, row);
    self->pending.score_names = self->scores.name_count;
    self->pending.scores = &self->scores;
    return r;
}

static int prepare_project(void *context, const fd_project_row *row) {
    struct foreign *self = context;
    fd_project_settings settings;
    fd_fault fault = {0};
    int r = fd_project_settings_parse(row->settings, &settings, &fault);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    fd_project_state_set(&self->project, row, &settings);
    self->has_project = true;
    return 0;
}

static int prepare_embedder(void *context, const fd_embedder_row *row) {
    struct foreign *self = context;
    free(FD_STEAL(self->embedder));
    return fd_embedder_record_copy(row, &self->embedder);
}

/* What a label was before a revision. */
static fd_preference newest_of(const struct foreign *self, uint32_t label) {
    for (size_t i = self->n_labels; i-- > 0;)
        if (self->labels[i].revision.label == label)
            return (fd_preference)self->labels[i].revision.preference;
    return (fd_preference)self->engine->labels.revisions[label].newest;
}

static int prepare_label(void *context, const fd_label_row *row) {
    struct foreign *self = context;
    fd_engine *engine = self->engine;
    uint32_t annotator;
    if (row->sequence <= (int64_t)self->pending.revisions)
        return 0;
    if (row->sequence != (int64_t)self->pending.revisions + 1 || row->original > row->sequence ||
        row->item_a >= self->pending.items || row->item_b >= self->pending.items)
        return -EBADMSG;
    int r = fd_array_reserve(&self->labels, &self->label_capacity, self->n_labels + 1,
                             sizeof(*self->labels));
    if (r == 0)
        r = fd_labels_make_room(engine, &self->pending, 1);
    if (r == 0)
        r = fd_annotators_get_or_add(engine->annotators, row->annotator, &annotator);
    if (r < 0)
        return r;
    struct foreign_label label = {
        .revision = fd_label_revision_of(row, (uint32_t)(row->original - 1), annotator),
        .origin = fd_origin_of(engine->assignment_key, row),
        .is_first = row->revision == 0,
        .before = FD_PREFER_RETRACTED,
    };
    if (!label.is_first)
        label.before = newest_of(self, label.revision.label);
    label.revision.information = fd_information_change(label.before, row->preference);
    engine->labels.revisions[self->pending.revisions++] = label.revision;
    self->labels[self->n_labels++] = label;
    return 0;
}

static int prepare_assignment(void *context, const fd_assignment_row *row) {
    struct foreign *self = context;
    uint32_t annotator;
    if (strlen(row->id) >= sizeof(self->assignments->id))
        return -EBADMSG;
    int r = fd_array_reserve(&self->assignments, &self->assignment_capacity,
                             self->n_assignments + 1, sizeof(*self->assignments));
    if (r == 0)
        r = fd_annotators_get_or_add(self->engine->annotators, row->annotator, &annotator);
    char *strategy = r == 0 && row->strategy ? strdup(row->strategy) : NULL;
    if (r < 0 || (row->strategy && !strategy))
        return r < 0 ? r : -ENOMEM;
    struct foreign_assignment *assignment = &self->assignments[self->n_assignments++];
    *assignment = (struct foreign_assignment){.row = *row, .strategy = strategy};
    memcpy(assignment->id, row->id, strlen(row->id));
    assignment->row.annotator = fd_annotators_name(self->engine->annotators, annotator);
    assignment->row.strategy = strategy;
    return 0;
}

static int prepare_model(void *context, const fd_model_row *row) {
    struct foreign *self = context;
    self->has_models = true;
    fd_model_following_note(self->engine, row);
    return 0;
}

static const fd_change_visits visits = {
    .item = prepare_item,
    .score = prepare_score,
    .project = prepare_project,
    .embedder = prepare_embedder,
    .label = prepare_label,
    .assignment = prepare_assignment,
    .model = prepare_model,
};

/* ---- applying ---- */

static void apply_settings(struct foreign *self) {
    fd_engine *engine = self->engine;
    if (self->has_project && self->project.version > engine->project.version) {
        engine->project = self->project;
        if (!engine->options.refit)
            engine->extra_changes++; /* only a training can learn of it */
    }
    if (self->embedder) {
        free(engine->embedder);
        engine->embedder = FD_STEAL(self->embedder);
    }
}

/* Returns the snapshot that served before if another one serves now. */
static fd_snapshot *apply_tables(struct foreign *self, fd_snapshot *snapshot) {
    fd_engine *engine = self->engine;
    FD_WRITE_LOCKED(&engine->state_lock);
    for (size_t i = 0; i < self->n_entries; i++)
        fd_item_table_add(&engine->items, FD_STEAL(self->entries[i]));
    fd_score_changes_apply(&self->scores, engine);
    apply_settings(self);
    for (size_t i = 0; i < self->n_labels; i++)
        fd_label_table_add(&engine->labels, &self->labels[i].revision, self->labels[i].origin);
    if (!snapshot)
        return NULL;
    fd_snapshot *old = engine->snapshot;
    engine->snapshot = snapshot;
    return old;
}

static void apply_label_effects(fd_engine *engine, const struct foreign_label *label) {
    const fd_label_revision *revision = &label->revision;
    const fd_label_row row = {.item_a = revision->pair.a,
                              .item_b = revision->pair.b,
                              .preference = (fd_preference)revision->preference};
    if (label->is_first)
        engine->label_hooks.on_label(engine, &row, revision->annotator, true);
    else
        engine->label_hooks.on_revision(engine, revision->pair, revision->annotator, label->before,
                                        row.preference);
}

static int apply_effects(struct foreign *self) {
    int r = 0;
    for (size_t i = 0; i < self->n_labels; i++)
        apply_label_effects(self->engine, &self->labels[i]);
    for (size_t i = 0; i < self->n_assignments && r == 0; i++) {
        self->assignments[i].row.id = self->assignments[i].id;
        r = fd_lease_follow(self->engine, &self->assignments[i].row);
    }
    return r;
}

static int apply(struct foreign *self) {
    FD_CLEANUP(fd_snapshot_freep) fd_snapshot *snapshot = NULL;
    int r = fd_next_snapshot(self->engine, &self->pending, &snapshot);
    if (r < 0)
        return r;
    fd_snapshot_free(apply_tables(self, FD_STEAL(snapshot)));
    return apply_effects(self);
}

static bool has_news(const struct foreign *self) {
    return self->n_entries + self->scores.n + self->n_labels + self->n_assignments > 0 ||
           self->has_project || self->embedder || self->has_models;
}

int fd_foreign_rows_catch_up(fd_engine *engine, bool decides) {
    FD_CLEANUP(foreign_clear)
    struct foreign self = {
        .engine = engine,
        .pending = {.items = engine->items.count,
                    .revisions = engine->labels.count,
                    .score_names = engine->scores.names.count},
    };
    fd_score_changes_begin(&self.scores, &self.pending);
    int r = engine->store->replicas->catch_up(engine->store, &visits, &self);
    if (r < 0)
        return r;
    bool news = has_news(&self);
    r = news ? apply(&self) : 0;
    if (r < 0) /* the store will not pass these rows again */
        fd_replica_end_process("there is no memory for what other replicas stored");
    r = decides ? fd_leases_begin_deciding(engine) : 0;
    return r < 0 ? r : news;
}
