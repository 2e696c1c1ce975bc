/*
 * Catching up with what other replicas committed: rows beyond what was applied, by their numbers,
 * which have no gaps, or by the tick of their newest change. Through the writer's connection: in
 * its transaction, or in one of its own that sees one moment.
 */
#include "postgres_catch_up.h"

#include <assert.h>
#include <errno.h>

#include "log.h"
#include "postgres_assignments.h"
#include "postgres_items.h"
#include "postgres_labels.h"
#include "postgres_models.h"
#include "postgres_news.h"
#include "postgres_project.h"
#include "postgres_scores.h"
#include "postgres_transaction.h"

struct catching_up {
    fd_postgres_connection *connection;
    const fd_postgres_moment *from; /* what was applied */
    const fd_postgres_moment *to;
    bool is_first;
    fd_postgres_known_ids *known;
    fd_postgres_news *news;
    const fd_change_visits *visits;
    void *context;
    int64_t next; /* of the numbers without gaps */
};

/* ---- rows ---- */

/* Of what has come with the clock, or from the server. */
static fd_postgres_reading start(struct catching_up *self, fd_postgres_statement identifier) {
    PGresult *result = fd_postgres_news_take(self->news, identifier);
    return result ? fd_postgres_reading_of(result)
                  : fd_postgres_reading_on(self->connection, identifier);
}

/* The news have a part of many labels. */
static fd_postgres_reading start_labels(struct catching_up *self) {
    fd_postgres_reading reading = start(self, FD_PG_LABELS_READ);
    if (!reading.is_whole || PQntuples(reading.row) == self->to->labels - self->from->labels)
        return reading;
    PQclear(reading.row);
    return fd_postgres_reading_on(self->connection, FD_PG_LABELS_READ);
}

static int check_number(struct catching_up *self, int64_t number, const char *kind) {
    if (number == self->next++)
        return 0;
    fd_log(FD_LOG_ERROR, "history-has-gap", FD_STR("kind", kind), FD_INT("number", number),
           FD_INT("expected", self->next - 1));
    return -EBADMSG;
}

static int pass_item(void *context, const fd_item_row *row) {
    struct catching_up *self = context;
    int r = check_number(self, row->index, "item");
    return r < 0 ? r : self->visits->item(self->context, row);
}

static int pass_label(void *context, const fd_label_row *row) {
    struct catching_up *self = context;
    int r = check_number(self, row->sequence, "label");
    (void)fd_postgres_known_ids_add(self->known, row->id);
    return r < 0 ? r : self->visits->label(self->context, row);
}

static int pass_items(struct catching_up *self) {
    bool embeddings = !self->visits->without_embeddings;
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_on(
        self->connection, embeddings ? FD_PG_ITEMS_READ : FD_PG_ITEMS_READ_PLAIN);
    int64_t from = self->from->items;
    if (from == self->to->items)
        return 0;
    self->next = from;
    int r = fd_postgres_items_visit(&reading, from, UINT64_MAX, embeddings, pass_item, self);
    return r != 0 ? r : self->next == self->to->items ? 0 : -EBADMSG;
}

static int pass_labels(struct catching_up *self) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = start_labels(self);
    int64_t from = self->from->labels;
    if (from == self->to->labels)
        return 0;
    self->next = from + 1;
    int r = fd_postgres_labels_visit(&reading, from, UINT64_MAX, pass_label, self);
    return r != 0 ? r : self->next == self->to->labels + 1 ? 0 : -EBADMSG;
}

static int pass_scores(struct catching_up *self) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_on(self->connection, FD_PG_SCORES_READ);
    if (self->from->scores == self->to->scores)
        return 0;
    return fd_postgres_scores_visit(&reading, self->from->scores, self->visits->score,
                                    self->context);
}

static int pass_project(struct catching_up *self) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading =
        fd_postgres_reading_on(self->connection, FD_PG_PROJECT_VERSIONS_READ);
    if (self->from->project == self->to->project)
        return 0;
    return fd_postgres_project_visit(&reading, self->from->project, self->visits->project,
                                     self->context);
}

/* What has no numbers has the tick of its newest change. */
static int64_t after_tick(const struct catching_up *self) {
    return self->is_first ? -1 : self->from->tick;
}

static int pass_embedder(struct catching_up *self) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = start(self, FD_PG_EMBEDDER_READ);
    return fd_postgres_embedder_visit(&reading, after_tick(self), self->visits->embedder,
                                      self->context);
}

static int pass_assignments(struct catching_up *self) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading =
        start(self, self->is_first ? FD_PG_ASSIGNMENTS_READ_OPEN : FD_PG_ASSIGNMENTS_READ_CHANGED);
    if (!self->is_first)
        fd_postgres_bind_integer(&reading.binding, self->from->tick);
    return fd_postgres_assignments_visit(&reading, self->visits->assignment, self->context);
}

static int pass_models(struct catching_up *self) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = start(self, FD_PG_MODELS_READ_CHANGED);
    fd_postgres_bind_integer(&reading.binding, after_tick(self));
    return fd_postgres_models_visit(&reading, false, self->visits->model, self->context);
}

/* ---- catching up ---- */

static int pass_all(struct catching_up *self) {
    static int (*const parts[])(struct catching_up *) = {
        pass_items,  pass_scores,      pass_project, pass_embedder,
        pass_labels, pass_assignments, pass_models};
    if (!self->is_first && self->from->tick == self->to->tick)
        return 0;
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(parts) && r == 0; i++)
        r = parts[i](self);
    return r;
}

static int catch_up_with(fd_postgres_store *store, const fd_postgres_moment *to,
                         const fd_change_visits *visits, void *context) {
    struct catching_up self = {
        .connection = &store->writer,
        .from = &store->applied,
        .to = to,
        .is_first = !store->has_applied,
        .known = &store->new_labels.known,
        .news = &store->news,
        .visits = visits,
        .context = context,
    };
    if (store->has_applied && (to->tick < self.from->tick ||
                               (to->tick == self.from->tick && to->nonce != self.from->nonce)))
        return -ESTALE;
    if (store->has_applied && to->embedder != self.from->embedder) {
        fd_log(FD_LOG_WARNING, "re-embedded-elsewhere", FD_INT("tick", to->tick));
        return -ESTALE;
    }
    int r = pass_all(&self);
    if (r != 0)
        return r;
    store->news.were_there = store->in_transaction && to->tick != store->applied.tick;
    store->applied = store->proof = *to;
    store->has_applied = true;
    atomic_store(&store->known_tick, to->tick);
    return 0;
}

static int read_moment(fd_postgres_store *store, fd_postgres_moment *ret) {
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    int r = fd_postgres_run(&store->writer, FD_PG_CLOCK_READ, NULL, &result);
    return r < 0 ? r : fd_postgres_moment_at(result, ret);
}

/* It locks nothing, and visits of all rows may take their time. */
static int begin_reading(fd_postgres_store *store) {
    int r = fd_postgres_writer_connect(store);
    if (r < 0)
        return r;
    return fd_postgres_execute(&store->writer, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
                                               "SET LOCAL idle_in_transaction_session_timeout = 0;"
                                               "SET LOCAL tcp_user_timeout = 0");
}

/* A connection that was lost since it was last used is opened again. */
static int catch_up_outside(fd_postgres_store *store, const fd_change_visits *visits,
                            void *context) {
    fd_postgres_moment moment = {0};
    bool was_connected = fd_postgres_is_connected(&store->writer);
    int r = begin_reading(store);
    if (r < 0 && was_connected && !fd_postgres_is_connected(&store->writer))
        r = begin_reading(store);
    if (r == 0)
        r = read_moment(store, &moment);
    if (r == 0)
        r = catch_up_with(store, &moment, visits, context);
    fd_postgres_rollback(&store->store);
    return r;
}

int fd_postgres_catch_up(fd_store *store, const fd_change_visits *visits, void *context) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    if (!postgres->in_transaction)
        return catch_up_outside(postgres, visits, context);
    assert(!postgres->has_written);
    return catch_up_with(postgres, &postgres->clock, visits, context);
}

/* The ids of the labels before are not known, so that the server is asked about each that comes. */
void fd_postgres_begin_after(fd_store *store, size_t items, size_t labels) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    assert(!postgres->has_applied);
    postgres->applied.items = (int64_t)items;
    postgres->applied.labels = (int64_t)labels;
    postgres->new_labels.known.is_incomplete = labels > 0;
}
