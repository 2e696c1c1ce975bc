/* Counts rows, and finds contradictions between them. Damaged pages are for PostgreSQL's own tools:
 * pg_amcheck, and pg_checksums of a server that has stopped. */
#include "postgres_check.h"

#include <errno.h>
#include <stdio.h>

#include "postgres_reading.h"

/* Each query returns a row for each finding, as a sentence. */
static const char *const checks[] = {
    "SELECT format('%s items are numbered from %s to %s', count(*), min(idx), max(idx)) FROM items"
    " HAVING min(idx) <> 0 OR max(idx) <> count(*) - 1",
    "SELECT format('the clock counts %s items, %s revisions of labels and %s versions of the project,"
    " but there are %s, %s and %s', items, labels, project, n_items, n_labels, n_project) FROM clock,"
    " (SELECT count(*) AS n_items FROM items) AS i, (SELECT count(*) AS n_labels FROM labels) AS l,"
    " (SELECT count(*) AS n_project FROM project) AS p WHERE items <> n_items OR labels <> n_labels"
    " OR project <> n_project",
    "SELECT format('the newest transaction is %s by the clock, but %s', clock.tick, max(ticks.tick))"
    " FROM clock, ticks GROUP BY clock.tick HAVING max(ticks.tick) <> clock.tick",
    "SELECT format('item %s has no embedding', id) FROM items LEFT JOIN item_embeddings"
    " ON embedder = (SELECT embedder FROM serving_embedder) AND item_embeddings.idx = items.idx"
    " WHERE bytes IS NULL",
    "SELECT format('%s embedders serve', count(*)) FROM serving_embedder HAVING count(*) <> 1",
    "SELECT format('embedder %s serves, but %s by the clock', serving_embedder.embedder,"
    " clock.embedder) FROM serving_embedder, clock WHERE serving_embedder.embedder <> clock.embedder",
    "SELECT format('an embedding is of item %s, which is not there', given.idx) FROM item_embeddings"
    " AS given LEFT JOIN items ON items.idx = given.idx WHERE items.idx IS NULL",
    "SELECT format('items have from %s to %s numbers', min(octet_length(bytes)) / 4,"
    " max(octet_length(bytes)) / 4) FROM item_embeddings GROUP BY embedder"
    " HAVING min(octet_length(bytes)) <> max(octet_length(bytes))",
    "SELECT format('text features are of item %s, which is not there', counted.idx) FROM"
    " item_text_features AS counted LEFT JOIN items ON items.idx = counted.idx WHERE items.idx IS NULL",
    "SELECT format('there are %s names of scores', count(DISTINCT name)) FROM item_scores"
    " HAVING count(DISTINCT name) > 16",
    "SELECT format('score %s is of item %s, which is not there', sequence, given.idx) FROM item_scores"
    " AS given LEFT JOIN items ON items.idx = given.idx WHERE items.idx IS NULL",
    "SELECT format('%s versions of the project are numbered from %s to %s', count(*),"
    " min(version), max(version)) FROM project HAVING min(version) <> 1"
    " OR max(version) <> count(*)",
    "SELECT format('embedding job %s has %s items, but %s', id, items, count(place)) FROM"
    " embedding_jobs LEFT JOIN embedding_job_items ON job = sequence WHERE state IN ('queued',"
    " 'running') GROUP BY sequence HAVING count(place) <> items",
    "SELECT format('%s revisions of labels are numbered from %s to %s', count(*), min(sequence),"
    " max(sequence)) FROM labels HAVING min(sequence) <> 1 OR max(sequence) <> count(*)",
    "SELECT format('label %s has revisions from %s to %s, but %s', id, min(revision),"
    " max(revision), count(*)) FROM labels GROUP BY id"
    " HAVING min(revision) <> 0 OR max(revision) <> count(*) - 1",
    "SELECT format('label %s is of item %s, which is not there', labels.id, given.idx) FROM labels"
    " CROSS JOIN LATERAL (VALUES (item_a), (item_b)) AS given (idx) LEFT JOIN items ON items.idx ="
    " given.idx WHERE items.idx IS NULL",
    "SELECT format('assignment %s is of item %s, which is not there', assignments.id, given.idx) FROM"
    " assignments CROSS JOIN LATERAL (VALUES (item_a), (item_b)) AS given (idx) LEFT JOIN items"
    " ON items.idx = given.idx WHERE items.idx IS NULL",
    "SELECT format('the key of assignments has %s rows', count(*)) FROM assignment_key"
    " HAVING count(*) <> 1",
};

/* Of each query. */
enum { FINDINGS_MAX = 100 };

static int run_check(fd_postgres_connection *reader, const char *sql, fd_finding_visit *visit,
                     void *context) {
    FD_FREE char *limited = NULL;
    if (asprintf(&limited, "SELECT * FROM (%s) AS findings LIMIT %d", sql, FINDINGS_MAX) < 0) {
        limited = NULL;
        return -ENOMEM;
    }
    FD_CLEANUP(PQclearp) PGresult *result = fd_postgres_query(reader, limited);
    int r = fd_postgres_result_error(reader, result);
    for (int i = 0; r == 0 && i < PQntuples(result); i++)
        r = visit(context, PQgetvalue(result, i, 0));
    return r;
}

/* The readers plan for a few rows, by indexes; all rows are read better in one go. */
static int run_checks(fd_postgres_connection *reader, bool in_transaction, fd_finding_visit *visit,
                      void *context) {
    int r = in_transaction
                ? 0
                : fd_postgres_execute(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    if (r == 0)
        r = fd_postgres_execute(reader,
                                "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on;"
                                "SET LOCAL enable_mergejoin = on");
    for (size_t i = 0; i < FD_LENGTH(checks) && r == 0; i++)
        r = run_check(reader, checks[i], visit, context);
    if (!in_transaction && fd_postgres_execute(reader, "ROLLBACK") < 0)
        fd_postgres_disconnect(reader);
    return r;
}

int fd_postgres_check(fd_store *store, fd_finding_visit *visit, void *context) {
    fd_postgres_readers *readers = &fd_postgres_store_of(store)->readers;
    fd_postgres_connection *reader = fd_postgres_readers_borrow(readers);
    int r = fd_postgres_readers_connect(readers, reader);
    if (r == 0)
        r = run_checks(reader, readers->is_moment, visit, context);
    fd_postgres_readers_return(readers, reader);
    return r;
}

int fd_postgres_counts(fd_store *store, fd_counts *ret) {
    FD_CLEANUP(fd_postgres_reading_end)
    fd_postgres_reading reading = fd_postgres_reading_start(store, FD_PG_COUNTS);
    int r = fd_postgres_reading_next(&reading);
    if (r <= 0)
        return r < 0 ? r : -EBADMSG;
    *ret = (fd_counts){
        .items = (uint64_t)fd_postgres_integer_of(&reading, 0),
        .labels = (uint64_t)fd_postgres_integer_of(&reading, 1),
        .label_rows = (uint64_t)fd_postgres_integer_of(&reading, 2),
        .models = (uint64_t)fd_postgres_integer_of(&reading, 3),
    };
    return 0;
}
