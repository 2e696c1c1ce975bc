/* Finds damage in a database that SQLite can read. */
#include "sqlite_check.h"

#include <errno.h>

#include "sqlite_backend.h"

/* Each query returns a row for each finding, as a sentence. On a read-only connection the integrity
 * check skips CHECK constraints, so the queries repeat them. */
static const char *const checks[] = {
    "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
    "SELECT printf('row %d of %s refers to a row of %s that is not there', rowid, \"table\","
    " parent) FROM pragma_foreign_key_check",
    "SELECT printf('%d items are numbered from %d to %d', count(*), min(idx), max(idx)) FROM items"
    " HAVING min(idx) <> 0 OR max(idx) <> count(*) - 1",
    "SELECT printf('item %s has no embedding', id) FROM items LEFT JOIN item_embeddings"
    " ON embedder = (SELECT embedder FROM serving_embedder) AND item_embeddings.idx = items.idx"
    " WHERE bytes IS NULL",
    "SELECT printf('%d embedders serve', count(*)) FROM serving_embedder HAVING count(*) <> 1",
    "SELECT printf('the embedding of item %s has %d bytes', coalesce(id, item_embeddings.idx),"
    " length(bytes)) FROM item_embeddings LEFT JOIN items ON items.idx = item_embeddings.idx"
    " WHERE length(bytes) % 4 <> 0",
    "SELECT printf('items have from %d to %d numbers', min(length(bytes)) / 4,"
    " max(length(bytes)) / 4) FROM item_embeddings GROUP BY embedder"
    " HAVING min(length(bytes)) <> max(length(bytes))",
    "SELECT printf('the text features of item %s have %d bytes, of version %d', coalesce(id,"
    " counted.idx), length(bytes), version) FROM item_text_features AS counted LEFT JOIN items"
    " ON items.idx = counted.idx WHERE length(bytes) % 4 <> 0 OR version < 1",
    "SELECT printf('there are %d names of scores', count(DISTINCT name)) FROM item_scores"
    " HAVING count(DISTINCT name) > 16",
    "SELECT printf('%d versions of the project are numbered from %d to %d', count(*),"
    " min(version), max(version)) FROM project HAVING min(version) <> 1"
    " OR max(version) <> count(*)",
    "SELECT printf('embedding job %s is \"%s\", with %d of %d texts embedded', id, state, done, total)"
    " FROM embedding_jobs WHERE state NOT IN ('queued', 'running', 'done', 'failed', 'cancelled')"
    " OR done NOT BETWEEN 0 AND total OR length(body_hash) <> 32",
    "SELECT printf('embedding job %s has %d items, but %d', id, items, count(place)) FROM"
    " embedding_jobs LEFT JOIN embedding_job_items ON job = sequence WHERE state IN ('queued',"
    " 'running') GROUP BY sequence HAVING count(place) <> items",
    "SELECT printf('%d revisions of labels are numbered from %d to %d', count(*), min(sequence),"
    " max(sequence)) FROM labels HAVING min(sequence) <> 1 OR max(sequence) <> count(*)",
    "SELECT printf('label %s has revisions from %d to %d, but %d', id, min(revision),"
    " max(revision), count(*)) FROM labels GROUP BY id"
    " HAVING min(revision) <> 0 OR max(revision) <> count(*) - 1",
    "SELECT printf('label %s prefers \"%s\" of items %d and %d', id, preference, item_a, item_b)"
    " FROM labels WHERE item_a = item_b"
    " OR preference NOT IN ('a', 'b', 'tie', 'skip', 'retracted')",
    "SELECT printf('assignment %s is of arm \"%s\", of items %d and %d', id, arm, item_a, item_b)"
    " FROM assignments WHERE arm NOT IN ('active', 'control') OR item_a = item_b",
    "SELECT printf('the key of assignments has %d rows of %d bytes', count(*), max(length(bytes)))"
    " FROM assignment_key HAVING count(*) <> 1 OR max(length(bytes)) <> 32",
    "SELECT printf('model %d has no bytes', version) FROM models"
    " WHERE version < 1 OR length(bytes) = 0",
    "SELECT printf('model %d is \"%s\", from version %d', version, state, parent) FROM models"
    " WHERE state NOT IN ('active', 'stored', 'rejected') OR parent NOT BETWEEN 0 AND version - 1",
};

/* Of each query: a damaged file may have thousands. */
enum { FINDINGS_MAX = 100 };

/* 1: the query cannot run because of the damage, and the next ones could not either. */
static int run_check(fd_sqlite_connection *reader, const char *sql, fd_finding_visit *visit,
                     void *context) {
    FD_CLEANUP(fd_sqlite_finalizep) sqlite3_stmt *statement = NULL;
    errno = 0;
    int result = sqlite3_prepare_v2(reader->database, sql, -1, &statement, NULL);
    for (int i = 0; i < FINDINGS_MAX && (result == SQLITE_OK || result == SQLITE_ROW); i++) {
        result = sqlite3_step(statement);
        const char *found =
            result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        int r = found ? visit(context, found) : 0;
        if (r != 0)
            return r;
    }
    int r = fd_sqlite_error(reader->database, result);
    if (r != -EBADMSG)
        return r;
    r = visit(context, sqlite3_errmsg(reader->database));
    return r != 0 ? r : 1;
}

int fd_sqlite_check(fd_store *store, fd_finding_visit *visit, void *context) {
    fd_sqlite_readers *readers = &fd_sqlite_store_of(store)->readers;
    fd_sqlite_connection *reader = fd_sqlite_readers_borrow(readers);
    int r = 0;
    for (size_t i = 0; i < FD_LENGTH(checks) && r == 0; i++)
        r = run_check(reader, checks[i], visit, context);
    fd_sqlite_readers_return(readers, reader);
    return r == 1 ? 0 : r;
}
