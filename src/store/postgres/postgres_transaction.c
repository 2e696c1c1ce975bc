/*
 * Transactions, by one thread through the one connection that writes. A transaction locks the row
 * of the clock first, so that replicas write one after another; the lock goes with the commit.
 */
#include "postgres_transaction.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "postgres_migrations.h"
#include "postgres_news.h"
#include "postgres_settings.h"
#include "postgres_time.h"
#include "random_bytes.h"

/* A replica that is behind by more ticks than these reads all rows again. */
enum { TICKS_KEPT = 100000, PRUNE_EVERY = 1024 };

enum { PROBE_SIZE = 65536 };

/* ---- connecting ---- */

/* 1 or 0. */
static int is_in_history(fd_postgres_store *store, const fd_postgres_moment *moment) {
    FD_CLEANUP(PQclearp) PGresult *result = NULL;
    fd_postgres_binding binding = {0};
    fd_postgres_bind_integer(&binding, moment->tick);
    int r = fd_postgres_run(&store->writer, FD_PG_TICK_NONCE, &binding, &result);
    if (r < 0)
        return r;
    return PQntuples(result) == 1 && fd_postgres_integer_at(result, 0, 0) == moment->nonce;
}

static int check_history(fd_postgres_store *store) {
    int r = is_in_history(store, &store->proof);
    if (r != 0)
        return r < 0 ? r : 0;
    fd_log(FD_LOG_ERROR, "history-lost", FD_INT("tick", store->proof.tick),
           FD_STR("meaning", "the database no longer has a transaction that this process knows:"
                             " a failover lost it, or this process was away for too long"));
    return -ESTALE;
}

/* After a failover it may be another server, which loses what it acknowledges. */
static int check_server(fd_postgres_store *store) {
    fd_fault fault = {0};
    int r = fd_postgres_check_settings(&store->writer, store->name, &fault);
    if (r == 0 || fault.detail[0] == '\0')
        return r;
    fd_log(FD_LOG_ERROR, "server-refused", FD_STR("reason", fault.detail));
    return -EIO;
}

/* What was committed before may be here, but not on a standby: the next commit waits for it. */
int fd_postgres_writer_connect(fd_postgres_store *store) {
    if (store->is_read_only)
        return -EROFS;
    if (fd_postgres_is_connected(&store->writer))
        return 0;
    int r = fd_postgres_connect(&store->writer, store->url, FD_POSTGRES_WRITES);
    if (r < 0)
        return r;
    store->owes_flush = true;
    r = check_server(store);
    if (r == 0)
        r = check_history(store);
    if (r < 0)
        fd_postgres_disconnect(&store->writer);
    return r;
}

int fd_postgres_resume(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    fd_postgres_rollback(store);
    int r = fd_postgres_writer_connect(postgres);
    return r < 0 ? r : check_history(postgres);
}

/* ---- begin ---- */

int fd_postgres_moment_at(const PGresult *result, fd_postgres_moment *ret) {
    if (PQntuples(result) != 1)
        return -EBADMSG;
    if (fd_postgres_integer_at(result, 0, 0) != (int64_t)fd_postgres_migration_count)
        return -EPROTONOSUPPORT;
    *ret = (fd_postgres_moment){
        .tick = fd_postgres_integer_at(result, 0, 1),
        .nonce = fd_postgres_integer_at(result, 0, 2),
        .items = fd_postgres_integer_at(result, 0, 3),
        .labels = fd_postgres_integer_at(result, 0, 4),
        .scores = fd_postgres_integer_at(result, 0, 5),
        .assignments = fd_postgres_integer_at(result, 0, 6),
        .project = fd_postgres_integer_at(result, 0, 7),
        .embedder = fd_postgres_integer_at(result, 0, 8),
    };
    return 0;
}

struct locking {
    fd_postgres_store *store;
    double asked;
};

static int take_locked(void *context, fd_postgres_statement statement, PGresult **result) {
    struct locking *self = context;
    if (statement == FD_PG_CLOCK_LOCK)
        return fd_postgres_moment_at(*result, &self->store->clock);
    if (statement == FD_PG_TIME)
        fd_postgres_note_time(self->store, fd_postgres_integer_at(*result, 0, 0), self->asked);
    else
        fd_postgres_news_keep(&self->store->news, statement, result);
    return 0;
}

/* BEGIN, the clock, the time and the news in one round trip. */
static int lock_clock(fd_postgres_store *store) {
    struct locking locking = {store, fd_monotonic_seconds()};
    fd_postgres_round round = {0};
    (void)fd_postgres_round_add(&round, FD_PG_BEGIN);
    (void)fd_postgres_round_add(&round, FD_PG_CLOCK_LOCK);
    (void)fd_postgres_round_add(&round, FD_PG_TIME);
    fd_postgres_news_ask(store, &round);
    return fd_postgres_round_run(&store->writer, &round, take_locked, &locking);
}

static void undo(fd_postgres_store *store) {
    fd_postgres_connection *writer = &store->writer;
    store->in_transaction = false;
    fd_postgres_new_labels_forget(&store->new_labels);
    fd_postgres_news_clear(&store->news);
    if (!writer->wire || PQtransactionStatus(writer->wire) == PQTRANS_IDLE)
        return;
    if (PQpipelineStatus(writer->wire) != PQ_PIPELINE_OFF ||
        PQtransactionStatus(writer->wire) == PQTRANS_ACTIVE ||
        fd_postgres_execute(writer, "ROLLBACK") < 0)
        fd_postgres_disconnect(writer);
}

/* A server that was started again has closed the connection while nothing was done: this is no
 * failure yet. Nor is a conflict that the server asks to resolve by trying again. */
int fd_postgres_begin(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    int r = -EIO;
    bool again = true;
    for (int attempt = 0; attempt < 4 && again; attempt++) {
        bool was_connected = fd_postgres_is_connected(&postgres->writer);
        undo(postgres); /* makes up for a rollback that failed */
        r = fd_postgres_writer_connect(postgres);
        if (r == 0)
            r = lock_clock(postgres);
        if (r == 0)
            break;
        again = fd_postgres_may_try_again(&postgres->writer) ||
                (was_connected && !fd_postgres_is_connected(&postgres->writer));
        undo(postgres);
    }
    if (r < 0)
        return r == -EAGAIN ? -EIO : r;
    postgres->now = postgres->clock;
    postgres->in_transaction = true;
    postgres->has_written = postgres->is_fenced = postgres->is_unsure = false;
    return 0;
}

fd_postgres_store *fd_postgres_writing(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    assert(postgres->in_transaction);
    return postgres;
}

void fd_postgres_rollback(fd_store *store) {
    undo(fd_postgres_store_of(store));
}

/* ---- commit ---- */

static void bind_clock(fd_postgres_binding *binding, const fd_postgres_moment *moment) {
    const int64_t columns[] = {moment->tick,    moment->nonce,   moment->items,
                               moment->labels,  moment->scores,  moment->assignments,
                               moment->project, moment->embedder};
    for (size_t i = 0; i < FD_LENGTH(columns); i++)
        fd_postgres_bind_integer(binding, columns[i]);
}

/* A tick as text. */
enum { TICK_SIZE = 24 };

static void end_with_tick(fd_postgres_store *store, fd_postgres_round *ending,
                          char text[static TICK_SIZE]) {
    fd_postgres_moment *now = &store->now;
    now->tick = store->clock.tick + 1;
    fd_random_bytes(&now->nonce, sizeof(now->nonce));
    bind_clock(fd_postgres_round_add(ending, FD_PG_CLOCK_TICK), now);
    fd_postgres_binding *tick = fd_postgres_round_add(ending, FD_PG_TICK_ADD);
    fd_postgres_bind_integer(tick, now->tick);
    fd_postgres_bind_integer(tick, now->nonce);
    if (now->tick % PRUNE_EVERY == 0)
        fd_postgres_bind_integer(fd_postgres_round_add(ending, FD_PG_TICKS_PRUNE),
                                 now->tick - TICKS_KEPT);
    (void)snprintf(text, TICK_SIZE, "%lld", (long long)now->tick);
    fd_postgres_bind_text(fd_postgres_round_add(ending, FD_PG_NOTIFY), text);
}

/* Whether the server may have committed, although it did not say so: the connection is gone, or
 * somebody cancelled the wait for a standby, which gives success and a warning. */
static bool is_unknown(const fd_postgres_connection *writer, int result) {
    return result == 0 ? writer->was_warned : !fd_postgres_is_connected(writer);
}

/* A commit is answered by ROLLBACK if a statement before it failed. */
static int take_ending(void *context, fd_postgres_statement statement, PGresult **result) {
    (void)context;
    bool is_undone = statement == FD_PG_COMMIT && strcmp(PQcmdStatus(*result), "COMMIT") != 0;
    return is_undone ? -EIO : 0;
}

static int run_ending(fd_postgres_connection *writer, const fd_postgres_round *ending) {
    writer->was_warned = false;
    int r = fd_postgres_round_run(writer, ending, take_ending, NULL);
    return is_unknown(writer, r) ? -EAGAIN : r;
}

static void note_commit(fd_postgres_store *store) {
    bool was_in_step = store->has_applied && store->applied.tick == store->clock.tick;
    store->owes_flush = false;
    if (was_in_step)
        store->applied = store->now;
    if (was_in_step || !store->has_applied)
        atomic_store(&store->known_tick, store->now.tick);
    store->proof = store->now;
}

/* -EAGAIN also stands for a conflict after which nothing was committed: the same is to be done. */
int fd_postgres_commit(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_writing(store);
    fd_postgres_round ending = {0};
    char tick[TICK_SIZE];
    int r = 0;
    if (postgres->new_labels.count > 0)
        r = fd_postgres_new_labels_bind(&postgres->new_labels,
                                        fd_postgres_round_add(&ending, FD_PG_LABELS_ADD_NEW));
    if (postgres->has_written)
        end_with_tick(postgres, &ending, tick);
    else if (postgres->owes_flush)
        (void)fd_postgres_round_add(&ending, FD_PG_CLOCK_TOUCH);
    (void)fd_postgres_round_add(&ending, FD_PG_COMMIT);
    if (r == 0)
        r = run_ending(&postgres->writer, &ending);
    if (r < 0) {
        postgres->owes_flush |= r == -EAGAIN;
        postgres->is_unsure = postgres->has_written && r == -EAGAIN;
        postgres->unsure = postgres->now;
        return r;
    }
    note_commit(postgres);
    fd_postgres_new_labels_forget(&postgres->new_labels);
    fd_postgres_news_clear(&postgres->news);
    postgres->in_transaction = false;
    return 0;
}

/* ---- a commit whose fate is unknown ---- */

/* With the clock locked, which the commit had locked before: it has ended. Another commit then
 * reaches the disk, and the standby, after it. */
static int look_for_commit(fd_postgres_store *store, const fd_postgres_moment *tried) {
    int r = is_in_history(store, tried);
    if (r <= 0)
        return r;
    store->owes_flush = true;
    r = fd_postgres_commit(&store->store);
    if (r < 0)
        return r;
    if (store->has_applied && store->applied.tick == tried->tick - 1)
        store->applied = *tried;
    atomic_store(&store->known_tick, tried->tick);
    return 1;
}

int fd_postgres_was_committed(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    fd_postgres_moment tried = postgres->unsure;
    fd_postgres_rollback(store);
    if (!postgres->is_unsure) /* nothing was written, or the server refused the commit */
        return fd_postgres_resume(store);
    int r = fd_postgres_begin(store);
    if (r == 0)
        r = look_for_commit(postgres, &tried);
    if (r <= 0)
        fd_postgres_rollback(store);
    postgres->unsure = tried;
    postgres->is_unsure = r < 0;
    return r == -EAGAIN ? -EIO : r;
}

/* ---- probe ---- */

static int write_probe(fd_postgres_store *store) {
    static _Thread_local unsigned char bytes[PROBE_SIZE];
    fd_postgres_binding binding = {0};
    fd_random_bytes(bytes, 256);
    /* Nothing that could be compressed to little. */
    for (size_t i = 256; i < sizeof(bytes); i += 256)
        memcpy(bytes + i, bytes, 256);
    fd_postgres_bind_bytes(&binding, bytes, sizeof(bytes));
    int r = fd_postgres_modify(&store->writer, FD_PG_PROBE, &binding);
    return r < 0 ? r : 0;
}

/* Without the clock, since the row means nothing. */
int fd_postgres_probe(fd_store *store) {
    fd_postgres_store *postgres = fd_postgres_store_of(store);
    undo(postgres);
    int r = fd_postgres_writer_connect(postgres);
    return r < 0 ? r : write_probe(postgres);
}

/* A database that was taken away is noticed by the next transaction, which needs its history. */
int fd_postgres_present(fd_store *store) {
    (void)store;
    return 0;
}
