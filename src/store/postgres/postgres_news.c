/* What is read together with the clock, and kept until catch_up wants it. */
#include "postgres_news.h"

/* Of each kind: a replica that is behind by more reads row by row. */
enum { LABELS_MAX = 1024, TICKS_MAX = 64 };

static const fd_postgres_statement statements[FD_POSTGRES_NEWS_KINDS] = {
    FD_PG_LABELS_READ, FD_PG_ASSIGNMENTS_READ_CHANGED, FD_PG_MODELS_READ_CHANGED,
    FD_PG_EMBEDDER_READ};

/* Others wrote between the last two transactions, or were heard of since. */
static bool are_expected(const fd_postgres_store *store) {
    int64_t heard_of = atomic_load(&store->follower.heard_of) - store->applied.tick;
    return store->has_applied && heard_of <= TICKS_MAX && (store->news.were_there || heard_of > 0);
}

void fd_postgres_news_ask(const fd_postgres_store *store, fd_postgres_round *round) {
    if (!are_expected(store))
        return;
    for (size_t i = 0; i < FD_POSTGRES_NEWS_KINDS; i++) {
        bool are_labels = statements[i] == FD_PG_LABELS_READ;
        fd_postgres_binding *binding = fd_postgres_round_add(round, statements[i]);
        fd_postgres_bind_integer(binding, are_labels ? store->applied.labels : store->applied.tick);
        if (are_labels)
            fd_postgres_bind_integer(binding, LABELS_MAX);
    }
}

static PGresult **place_of(fd_postgres_news *news, fd_postgres_statement statement) {
    for (size_t i = 0; i < FD_POSTGRES_NEWS_KINDS; i++)
        if (statements[i] == statement)
            return &news->results[i];
    return NULL;
}

void fd_postgres_news_keep(fd_postgres_news *news, fd_postgres_statement statement,
                           PGresult **result) {
    PGresult **place = place_of(news, statement);
    if (place)
        *place = FD_STEAL(*result);
}

PGresult *fd_postgres_news_take(fd_postgres_news *news, fd_postgres_statement statement) {
    PGresult **place = place_of(news, statement);
    return place ? FD_STEAL(*place) : NULL;
}

void fd_postgres_news_clear(fd_postgres_news *news) {
    for (size_t i = 0; i < FD_POSTGRES_NEWS_KINDS; i++)
        PQclear(FD_STEAL(news->results[i]));
}
