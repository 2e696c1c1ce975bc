/* `fisherd backup` and `fisherd restore`: copies of a database, out and back. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "database_commands.h"
#include "report_error.h"
#include "sqlite_store.h"

static int needs(const char *value, const char *flag, fd_fault *fault) {
    return value[0] == '\0' ? fd_fault_set(fault, -EINVAL, "", "--%s FILE is missing", flag) : 0;
}

/* ---- backup ---- */

struct backup_options {
    char *to;
};

static const fd_option_row backup_table[] = {
    {FD_OPTION_TEXT, offsetof(struct backup_options, to), "to", "", 0, 0, "FILE", ""},
};

static int back_up(int argc, char **argv, struct backup_options *backup, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    fd_backup made;
    double start = fd_monotonic_seconds();
    int r = fd_options_take(backup_table, FD_LENGTH(backup_table), &argc, argv, backup, fault);
    if (r == 0)
        r = fd_database_options(argc, argv, &options, fault);
    if (r == 0)
        r = needs(backup->to, "to", fault);
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
    fd_options_clear_in(backup_table, FD_LENGTH(backup_table), &backup);
    return r < 0 ? fd_report_error("backup", r, &fault) : 0;
}

/* ---- restore ---- */

struct restore_options {
    char *from;
};

static const fd_option_row restore_table[] = {
    {FD_OPTION_TEXT, offsetof(struct restore_options, from), "from", "", 0, 0, "FILE", ""},
};

/* A flag without a value. */
static bool take_flag(int *argc, char **argv, const char *flag) {
    int kept = 0;
    for (int i = 0; i < *argc; i++)
        if (strcmp(argv[i], flag) != 0)
            argv[kept++] = argv[i];
    bool found = kept < *argc;
    *argc = kept;
    return found;
}

struct look {
    const char *from;
    fd_fault *fault;
    fd_counts counts;
};

static int look(void *context, fd_store *store) {
    struct look *look = context;
    size_t findings = 0;
    int r = fd_database_check(store, look->from, &findings, look->fault);
    if (r == 0 && findings > 0)
        r = fd_fault_set(look->fault, -EBADMSG, "", "%s is not sound, and nothing was restored",
                         look->from);
    return r < 0 ? r : store->operations->counts(store, &look->counts);
}

static int restore(int argc, char **argv, struct restore_options *restore, fd_fault *fault) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    FD_FREE char *kept = NULL;
    bool replace = take_flag(&argc, argv, "--replace");
    int r = fd_options_take(restore_table, FD_LENGTH(restore_table), &argc, argv, restore, fault);
    if (r == 0)
        r = fd_database_options(argc, argv, &options, fault);
    if (r == 0)
        r = needs(restore->from, "from", fault);
    if (r < 0)
        return r;
    struct look context = {.from = restore->from, .fault = fault};
    r = fd_store_restore_sqlite(options.db, restore->from, replace, look, &context, &kept, fault);
    if (r < 0)
        return r;
    printf("%s is restored: %llu items, %llu labels\n", options.db,
           (unsigned long long)context.counts.items, (unsigned long long)context.counts.labels);
    if (kept)
        printf("what was there is %s\n", kept);
    return 0;
}

int fd_restore_main(int argc, char **argv) {
    struct restore_options options = {0};
    fd_fault fault = {0};
    int r = restore(argc, argv, &options, &fault);
    fd_options_clear_in(restore_table, FD_LENGTH(restore_table), &options);
    return r < 0 ? fd_report_error("restore", r, &fault) : 0;
}
