/* `fisherd copy`: a project moves from one database to another, such as from SQLite to PostgreSQL,
 * and back. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "copy_mark.h"
#include "copy_run.h"
#include "copy_tokens.h"
#include "database_commands.h"
#include "options.h"
#include "report_error.h"
#include "sqlite_store.h"
#include "store_open.h"

struct flags {
    char *from;
    char *to;
};

static const fd_option_row flag_rows[] = {
    {FD_OPTION_TEXT, offsetof(struct flags, from), "from", "", 0, 0, "DB", ""},
    {FD_OPTION_TEXT, offsetof(struct flags, to), "to", "", 0, 0, "DB", ""},
};
static const fd_option_table flag_table = {flag_rows, FD_LENGTH(flag_rows)};

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t is_interrupted;

static void note_signal(int number) {
    (void)number;
    is_interrupted = 1;
}

static void catch_signals(void) {
    const struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static bool goes_on(void) {
    return !is_interrupted;
}

/* ---- the two databases ---- */

struct work {
    struct flags flags;
    fd_options options;
    char *from_name;
    char *to_name;
    fd_token_files from_files;
    fd_token_files to_files;
    fd_copy copy;
};

static void work_clear(struct work *work) {
    fd_token_files_clear(&work->from_files);
    fd_token_files_clear(&work->to_files);
    fd_store_close(work->copy.from);
    fd_store_close(work->copy.to);
    free(work->from_name);
    free(work->to_name);
    fd_options_clear(&work->options);
    fd_option_table_clear(&flag_table, &work->flags);
}

static bool is_there(const char *db) {
    struct stat about;
    return fd_store_is_url(db) || stat(db, &about) == 0;
}

static bool is_same(const char *one, const char *other) {
    FD_FREE char *real = realpath(one, NULL);
    FD_FREE char *other_real = realpath(other, NULL);
    return strcmp(one, other) == 0 || (real && other_real && strcmp(real, other_real) == 0);
}

static int check_flags(const struct flags *flags, fd_fault *fault) {
    if (flags->from[0] == '\0' || flags->to[0] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "--%s DB is missing",
                            flags->from[0] == '\0' ? "from" : "to");
    if (!is_there(flags->from))
        return fd_fault_set(fault, -ENOENT, "", "there is no database %s", flags->from);
    if (is_same(flags->from, flags->to))
        return fd_fault_set(fault, -EINVAL, "", "--from and --to name the same database");
    return 0;
}

static int open_source(struct work *work, fd_fault *fault) {
    fd_copy_mark mark;
    fd_copy *copy = &work->copy;
    int r = fd_store_open_still(work->flags.from, &copy->from, fault);
    if (r == 0)
        r = fd_database_refuse_replicas(copy->from, work->from_name, NULL, fault);
    if (r == 0)
        r = fd_copy_mark_read(copy->from, &mark);
    if (r == 0 && mark.state == FD_COPY_UNFINISHED)
        r = fd_fault_set(fault, -EINVAL, "", "the copy into %s is not finished", work->from_name);
    return r;
}

/* The files beside a database, or in it. */
static int find_token_files(const struct work *work, const char *db, fd_store *store,
                            fd_token_files *ret, fd_fault *fault) {
    return fd_token_files_find(&work->options, db, fd_store_is_url(db) ? store : NULL, ret, fault);
}

/* A file that has a database is looked at first: opening it for writing might migrate it. */
static int look_at_target(struct work *work, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    struct stat about;
    if (fd_store_is_url(work->flags.to) || stat(work->flags.to, &about) < 0 || about.st_size == 0)
        return 0;
    int r = fd_store_open_sqlite_read_only(work->flags.to, &store, fault);
    return r == 0 ? fd_copy_check_target(&work->copy, store) : r;
}

static int open_target(struct work *work, fd_fault *fault) {
    fd_copy *copy = &work->copy;
    int r = look_at_target(work, fault);
    if (r == 0)
        r = fd_store_open_unfinished(work->flags.to, &copy->to, fault);
    if (r == 0)
        r = fd_database_refuse_replicas(copy->to, work->to_name, NULL, fault);
    return r == 0 ? fd_copy_check_target(copy, copy->to) : r;
}

static int check_tokens(struct work *work, fd_fault *fault) {
    fd_copy_mark mark = {0};
    int r = find_token_files(work, work->flags.from, work->copy.from, &work->from_files, fault);
    if (r == 0)
        r = find_token_files(work, work->flags.to, work->copy.to, &work->to_files, fault);
    if (r == 0)
        r = fd_copy_mark_read(work->copy.to, &mark);
    return r == 0 && mark.state != FD_COPY_UNFINISHED
               ? fd_copy_tokens_check(&work->from_files, &work->to_files, fault)
               : r;
}

static int open_both(int argc, char **argv, struct work *work, fd_fault *fault) {
    int r = fd_option_table_take(&flag_table, &argc, argv, &work->flags, fault);
    if (r == 0)
        r = fd_options_read(argc, argv, &work->options, fault);
    if (r == 0)
        r = check_flags(&work->flags, fault);
    if (r == 0)
        r = fd_store_name(work->flags.from, &work->from_name);
    if (r == 0)
        r = fd_store_name(work->flags.to, &work->to_name);
    work->copy.from_name = work->from_name;
    work->copy.to_name = work->to_name;
    if (r == 0)
        r = open_source(work, fault);
    if (r == 0)
        r = open_target(work, fault);
    return r == 0 ? check_tokens(work, fault) : r;
}

/* ---- the command ---- */

/* The target is marked: the failure says what to do with it. */
static int explain(const fd_copy *copy, int error) {
    char detail[FD_FAULT_DETAIL_SIZE];
    if (error == -ECANCELED)
        return fd_fault_set(copy->fault, error, "",
                            "interrupted; %s is not complete, and the same command goes on",
                            copy->to_name);
    (void)snprintf(detail, sizeof(detail), "%s",
                   copy->fault->detail[0] != '\0' ? copy->fault->detail : strerror(-error));
    return fd_fault_set(copy->fault, error, "",
                        "%s: %s; %s is not complete: run the same command again, or begin with an "
                        "empty database",
                        copy->part ? copy->part : "the copy", detail, copy->to_name);
}

static int run(struct work *work) {
    fd_copy *copy = &work->copy;
    fd_copied copied = {0};
    double start = fd_monotonic_seconds();
    (void)fprintf(stderr, "copying %s to %s\n", copy->from_name, copy->to_name);
    size_t files;
    int r = fd_copy_all(copy);
    if (r == 0)
        r = fd_copy_tokens(copy, &work->from_files, &work->to_files, &files);
    if (r == 0)
        r = fd_copy_compare(copy, &copied);
    if (r == 0)
        r = fd_copy_finish(copy);
    if (r < 0)
        return explain(copy, r);
    printf(
        "%s is a copy of %s: %llu items, %llu scores, %llu labels in %llu rows, %llu "
        "assignments, %llu models%s, in %.1f seconds; both were read and have the same contents\n",
        copy->to_name, copy->from_name, (unsigned long long)copied.counts.items,
        (unsigned long long)copied.scores, (unsigned long long)copied.counts.labels,
        (unsigned long long)copied.counts.label_rows, (unsigned long long)copied.assignments,
        (unsigned long long)copied.counts.models, files > 0 ? ", tokens" : "",
        fd_monotonic_seconds() - start);
    return 0;
}

int fd_copy_main(int argc, char **argv) {
    fd_fault fault = {0};
    FD_CLEANUP(work_clear) struct work work = {.copy = {.goes_on = goes_on, .fault = &fault}};
    int r = open_both(argc, argv, &work, &fault);
    if (r == 0) {
        catch_signals();
        r = run(&work);
    }
    return r < 0 ? fd_report_error("copy", r, &fault) : 0;
}
