/* `fisherd backup` and `fisherd restore`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "database_commands.h"
#include "report_error.h"
#include "sqlite_store.h"

static int require(const char *value, const char *flag, fd_fault *fault) {
    return value[0] == '\0' ? fd_fault_set(fault, -EINVAL, "", "--%s FILE is missing", flag) : 0;
}

/* ---- backup ---- */

struct backup_options {
    char *to;
};

static const fd_option_row backup_rows[] = {
    {FD_OPTION_TEXT, offsetof(struct backup_options, to), "to", "", 0, 0, "FILE", ""},
};
static const fd_option_table backup_table = {backup_rows, FD_LENGTH(backup_rows)};

static int back_up(int argc, char **argv, struct backup_options *backup, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_backup made;
    double start = fd_monotonic_seconds();
    int r = fd_option_table_take(&backup_table, &argc, argv, backup, fault);
    if (r == 0)
        r = fd_database_options(argc, argv, &options, fault);
    if (r == 0)
        r = fd_database_refuse_url(options.db, "use pg_dump or pg_basebackup", fault);
    if (r == 0)
        r = require(backup->to, "to", fault);
    if (r == 0)
        r = fd_store_open_sqlite_read_only(options.db, &store, fault);
    if (r == 0)
        r = store->operations->back_up(store, backup->to, NULL, NULL, &made, fault);
    if (r != 0)
        return r;
    printf("%s: %llu bytes, %llu items, %llu labels, %.1f seconds\n", backup->to,
           (unsigned long long)made.bytes, (unsigned long long)made.counts.items,
           (unsigned long long)made.counts.labels, fd_monotonic_seconds() - start);
    return 0;
}

int fd_backup_main(int argc, char **argv) {
    struct backup_options backup = {0};
    fd_fault fault = {0};
    int r = back_up(argc, argv, &backup, &fault);
    fd_option_table_clear(&backup_table, &backup);
    return r < 0 ? fd_report_error("backup", r, &fault) : 0;
}

/* ---- restore ---- */

struct restore_options {
    char *from;
};

static const fd_option_row restore_rows[] = {
    {FD_OPTION_TEXT, offsetof(struct restore_options, from), "from", "", 0, 0, "FILE", ""},
};
static const fd_option_table restore_table = {restore_rows, FD_LENGTH(restore_rows)};

struct checked_copy {
    const char *from;
    fd_fault *fault;
    fd_counts counts;
};

static int check_copy(void *context, fd_store *store) {
    struct checked_copy *copy = context;
    size_t findings = 0;
    int r = fd_database_check(store, copy->from, &findings, copy->fault);
    if (r == 0 && findings > 0)
        r = fd_fault_set(copy->fault, -EBADMSG, "", "%s is damaged; nothing was restored",
                         copy->from);
    return r < 0 ? r : store->operations->counts(store, &copy->counts);
}

static int restore(int argc, char **argv, struct restore_options *restore, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_FREE char *kept = NULL;
    bool replace = fd_option_take_switch("--replace", &argc, argv);
    int r = fd_option_table_take(&restore_table, &argc, argv, restore, fault);
    if (r == 0)
        r = fd_database_options(argc, argv, &options, fault);
    if (r == 0)
        r = fd_database_refuse_url(options.db, "use pg_restore, or restore the cluster", fault);
    if (r == 0)
        r = require(restore->from, "from", fault);
    if (r < 0)
        return r;
    struct checked_copy copy = {.from = restore->from, .fault = fault};
    r = fd_store_restore_sqlite(options.db, restore->from, replace, check_copy, &copy, &kept,
                                fault);
    if (r < 0)
        return r;
    printf("%s is restored: %llu items, %llu labels\n", options.db,
           (unsigned long long)copy.counts.items, (unsigned long long)copy.counts.labels);
    if (kept)
        printf("the database that was there is now %s\n", kept);
    return 0;
}

int fd_restore_main(int argc, char **argv) {
    struct restore_options options = {0};
    fd_fault fault = {0};
    int r = restore(argc, argv, &options, &fault);
    fd_option_table_clear(&restore_table, &options);
    return r < 0 ? fd_report_error("restore", r, &fault) : 0;
}
