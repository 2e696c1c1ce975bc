/* `fisherd migrate` and `fisherd check`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "copy_mark.h"
#include "database_commands.h"
#include "re_embedding.h"
#include "report_error.h"
#include "sqlite_store.h"
#include "store_open.h"
#include "verify_models.h"
#include "verify_rows.h"

int fd_database_options(int argc, char **argv, fd_options *options, fd_fault *fault) {
    int r = fd_options_read(argc, argv, options, fault);
    if (r == 0 && options->db[0] == '\0')
        r = fd_fault_set(fault, -EINVAL, "", "--db FILE is missing");
    return r;
}

int fd_database_refuse_url(const char *db, const char *instead, fd_fault *fault) {
    return fd_store_is_url(db) ? fd_fault_set(fault, -EINVAL, "",
                                              "this command works on SQLite databases alone; with "
                                              "PostgreSQL, %s",
                                              instead)
                               : 0;
}

struct others {
    const char *name;
    const char *otherwise;
    fd_fault *fault;
};

static int refuse_replica(void *context, const fd_replica_row *row) {
    const struct others *others = context;
    return fd_fault_set(others->fault, -EBUSY, "",
                        "the replica %s has %s open: stop all replicas first%s%s", row->id,
                        others->name, others->otherwise ? ", or " : "",
                        others->otherwise ? others->otherwise : "");
}

/* Replicas tell each second that they are there. */
int fd_database_refuse_replicas(fd_store *store, const char *name, const char *otherwise,
                                fd_fault *fault) {
    static const double seconds = 5;
    struct others others = {name, otherwise, fault};
    return store->replicas ? store->replicas->replicas_read(store, seconds, refuse_replica, &others)
                           : 0;
}

int fd_database_open_alone(const char *db, const char *otherwise, fd_store **ret, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    FD_FREE char *name = NULL;
    int r = fd_store_open(db, &store, fault);
    if (r == 0)
        r = fd_store_name(db, &name);
    if (r == 0)
        r = fd_database_refuse_replicas(store, name, otherwise, fault);
    if (r == 0)
        *ret = FD_STEAL(store);
    return r;
}

/* Opening it has brought it to this program's schema. */
static int migrate_url(const char *url, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    FD_FREE char *name = NULL;
    int r = fd_store_open(url, &store, fault);
    if (r == 0)
        r = fd_store_name(url, &name);
    if (r == 0)
        printf("%s has the schema of this program\n", name);
    return r;
}

int fd_migrate_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_fault fault = {0};
    int r = fd_database_options(argc, argv, &options, &fault);
    bool is_url = r == 0 && fd_store_is_url(options.db);
    if (is_url)
        r = migrate_url(options.db, &fault);
    else if (r == 0)
        r = fd_store_open_sqlite(options.db, &store, &fault);
    if (r < 0)
        return fd_report_error("migrate", r, &fault);
    if (is_url)
        return 0;
    fd_schema schema = fd_store_sqlite_schema(store);
    if (schema.found == schema.current)
        printf("%s is at schema %u already\n", options.db, schema.current);
    else
        printf("%s went from schema %u to %u\n", options.db, schema.found, schema.current);
    return 0;
}

/* ---- check ---- */

struct findings {
    const char *name;
    size_t count;
};

static int print_finding(void *context, const char *finding) {
    struct findings *findings = context;
    (void)fprintf(stderr, "%s: %s\n", findings->name, finding);
    findings->count++;
    return 0;
}

static int print_unchecked(void *context, const char *text) {
    const struct findings *findings = context;
    printf("%s: %s\n", findings->name, text);
    return 0;
}

int fd_database_check(fd_store *store, const char *name, size_t *ret_findings, fd_fault *fault) {
    struct findings findings = {.name = name};
    int r = store->operations->check(store, print_finding, &findings);
    if (r == 0)
        r = fd_engine_verify(store, print_finding, print_unchecked, &findings);
    if (r == 0)
        r = fd_engine_verify_project(store, print_finding, &findings);
    *ret_findings = findings.count;
    if (r < 0 && findings.count == 0)
        return fd_fault_set(fault, r, "", "%s cannot be read: %s", name, strerror(-r));
    return 0;
}

/* Such a database lacks what the rest of it refers to. */
static int print_unfinished_copy(fd_store *store) {
    fd_copy_mark mark;
    int r = fd_copy_mark_read(store, &mark);
    if (r == 0 && mark.state == FD_COPY_UNFINISHED)
        printf("the copy is not finished; the same fisherd copy goes on with it\n");
    return r;
}

/* What `fisherd re-embed` has begun, or not cleaned away. */
static int print_re_embedding(fd_store *store) {
    fd_re_embedding counts;
    int r = fd_re_embedding_read(store, &counts);
    if (r == 0 && counts.is_begun)
        printf("a re-embedding is not finished: %llu of %llu items are embedded; fisherd re-embed "
               "goes on with it\n",
               (unsigned long long)counts.made, (unsigned long long)counts.items);
    if (r == 0 && counts.left > 0)
        printf("%llu embeddings are left over from a re-embedding; fisherd re-embed deletes them\n",
               (unsigned long long)counts.left);
    return r;
}

int fd_check_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    FD_FREE char *name = NULL;
    fd_fault fault = {0};
    fd_counts counts = {0};
    size_t findings = 0;
    int r = fd_database_options(argc, argv, &options, &fault);
    if (r == 0)
        r = fd_store_name(options.db, &name);
    if (r == 0)
        r = fd_store_open_read_only(options.db, &store, &fault);
    if (r == 0)
        r = print_unfinished_copy(store);
    if (r == 0)
        r = fd_database_check(store, name, &findings, &fault);
    if (r == 0 && findings > 0)
        r = fd_fault_set(&fault, -EBADMSG, "", "%s is damaged", name);
    struct findings refused = {.name = name};
    if (r == 0)
        r = fd_engine_verify_rows(store, print_finding, &refused);
    if (r == 0 && refused.count > 0)
        r = fd_fault_set(&fault, -EINVAL, "",
                         "%s is not damaged, but has rows that would be refused today", name);
    if (r == 0)
        r = store->operations->counts(store, &counts);
    if (r < 0)
        return fd_report_error("check", r, &fault);
    printf("%s is sound: %llu items, %llu labels in %llu rows, %llu models\n", name,
           (unsigned long long)counts.items, (unsigned long long)counts.labels,
           (unsigned long long)counts.label_rows, (unsigned long long)counts.models);
    r = print_re_embedding(store);
    return r < 0 ? fd_report_error("check", r, &fault) : 0;
}
