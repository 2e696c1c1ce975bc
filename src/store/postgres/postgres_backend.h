/* The PostgreSQL backend behind a store: its connections, and where in the history it is. */
#ifndef FD_POSTGRES_BACKEND_H
#define FD_POSTGRES_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "postgres_follower.h"
#include "postgres_new_labels.h"
#include "postgres_readers.h"
#include "postgres_statement.h"
#include "store.h"

enum { FD_POSTGRES_REPLICA_ID_SIZE = 17 };

/* A moment of the history: the row of the clock. */
typedef struct fd_postgres_moment {
    int64_t tick;
    int64_t nonce;
    int64_t items;
    int64_t labels;
    int64_t scores;
    int64_t assignments;
    int64_t project;  /* its newest version */
    int64_t embedder; /* whose vectors serve */
} fd_postgres_moment;

/* See postgres_news.h. */
enum { FD_POSTGRES_NEWS_KINDS = 4 };
typedef struct fd_postgres_news {
    PGresult *results[FD_POSTGRES_NEWS_KINDS]; /* NULL: not read, or taken */
    bool were_there;                           /* in the last transaction */
} fd_postgres_news;

typedef struct fd_postgres_store {
    fd_store store;
    char *url;
    char *name;                           /* the URL without passwords */
    char id[FD_POSTGRES_REPLICA_ID_SIZE]; /* of this replica, drawn at random */
    bool is_read_only;

    /* Used by the writing thread only, as all down to the readers. */
    fd_postgres_connection writer;
    bool in_transaction;
    bool has_written;           /* rows of this transaction */
    bool owes_flush;            /* what it found stored, and acknowledges, may not be safe yet */
    bool is_fenced;             /* another replica trains: it adds no model in this transaction */
    fd_postgres_moment clock;   /* as the transaction found it */
    fd_postgres_moment now;     /* with what the transaction added */
    fd_postgres_moment applied; /* what catch_up gave, and this replica committed since */
    bool has_applied;
    fd_postgres_moment proof;  /* one that must be in the history, or it was lost */
    fd_postgres_moment unsure; /* what a commit tried whose fate is unknown */
    bool is_unsure;

    fd_postgres_new_labels new_labels;
    fd_postgres_news news; /* of this transaction */

    fd_postgres_readers readers;
    fd_postgres_follower follower;
    atomic_int_least64_t known_tick; /* nothing newer was committed, as far as this replica knows */
    atomic_int_least64_t ahead_ms;   /* of the store's clock before the monotonic one */

    pthread_mutex_t side_lock;
    fd_postgres_connection side; /* for what needs no transaction; guarded by side_lock */
    atomic_int_least64_t epoch;  /* of the right to train; 0: this replica never held it */
} fd_postgres_store;

static inline fd_postgres_store *fd_postgres_store_of(fd_store *store) {
    return (fd_postgres_store *)store;
}

/* Connects again if the connection was lost. */
static inline int fd_postgres_side_connect(fd_postgres_store *store) {
    return fd_postgres_is_connected(&store->side)
               ? 0
               : fd_postgres_connect(&store->side, store->url, FD_POSTGRES_WRITES);
}

#endif
