/*
 * Each allocation and each call to the file system fails once: nothing crashes, nothing
 * acknowledged is lost, and what failed works when it is repeated. The address sanitizer finds
 * leaks.
 *
 * By default a sample fails; FISHERD_DENSER=N makes it N times as large, FISHERD_LONG=1 takes all,
 * and FISHERD_FAULT=N the N-th alone. FISHERD_SHARE=I/N takes every N-th from the I-th, so that N
 * processes share the work and keep all processors busy. An argument is a pattern that selects
 * tests by name.
 */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "folder.h"
#include "log.h"
#include "macros.h"
#include "session.h"
#include "shim.h"

/* ---- what fails ---- */

/* The number of calls up to the one that fails; 0 or less: none fails. */
static atomic_long until_fault;

static bool fails_now(void) {
    return atomic_load(&until_fault) > 0 && atomic_fetch_sub(&until_fault, 1) == 1;
}

static void no_more_faults(void) {
    (void)atomic_exchange(&until_fault, atomic_load(&until_fault) > 0 ? -1 : 0);
}

/* ---- allocations: our own and jansson's through the linker, SQLite's through its hooks ---- */

static bool counts_allocations;

static bool allocation_fails(void) {
    if (!counts_allocations || !fails_now())
        return false;
    errno = ENOMEM;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_asprintf(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));

void *__wrap_malloc(size_t size) {
    return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size) {
    return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return allocation_fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size) {
    return allocation_fails() ? NULL : __real_reallocarray(old, n, size);
}

char *__wrap_strdup(const char *text) {
    return allocation_fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size) {
    return allocation_fails() ? NULL : __real_strndup(text, size);
}

int __wrap_asprintf(char **ret, const char *format, ...) {
    if (allocation_fails())
        return -1;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(ret, format, arguments);
    va_end(arguments);
    return length;
}

static sqlite3_mem_methods sqlite_memory; /* without our hooks */

static void *sqlite_malloc(int size) {
    return allocation_fails() ? NULL : sqlite_memory.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size) {
    return allocation_fails() ? NULL : sqlite_memory.xRealloc(old, size);
}

static void hook_allocations(void) {
    int result = sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory);
    sqlite3_mem_methods hooked = sqlite_memory;
    hooked.xMalloc = sqlite_malloc;
    hooked.xRealloc = sqlite_realloc;
    if (result != SQLITE_OK || sqlite3_config(SQLITE_CONFIG_MALLOC, &hooked) != SQLITE_OK)
        abort();
}

/* ---- calls to the file system ---- */

static bool counts_calls;
static bool says_full;

static int fail_call(void *context, const shim_event *event) {
    static const int errors[SHIM_CALL_COUNT] = {
        [SHIM_OPEN] = SQLITE_CANTOPEN,       [SHIM_READ] = SQLITE_IOERR_READ,
        [SHIM_WRITE] = SQLITE_IOERR_WRITE,   [SHIM_TRUNCATE] = SQLITE_IOERR_TRUNCATE,
        [SHIM_SYNC] = SQLITE_IOERR_FSYNC,    [SHIM_SIZE] = SQLITE_IOERR_FSTAT,
        [SHIM_LOCK] = SQLITE_IOERR_LOCK,     [SHIM_SHARED_MEMORY] = SQLITE_IOERR_SHMMAP,
        [SHIM_ACCESS] = SQLITE_IOERR_ACCESS, [SHIM_DELETE] = SQLITE_IOERR_DELETE,
        [SHIM_RENAME] = SQLITE_IOERR,        [SHIM_LINK] = SQLITE_IOERR,
    };
    (void)context;
    if (!counts_calls || !fails_now())
        return SQLITE_OK;
    return says_full && event->call == SHIM_WRITE ? SQLITE_FULL : errors[event->call];
}

/* ---- one fault after another ---- */

/* Runs with a fault in the n-th call; returns whether there was an n-th call. */
typedef bool run(long n);

static bool live_with_fault(long n) {
    char folder[64], path[96];
    folder_make(folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/test.db", folder);
    atomic_store(&until_fault, n);
    session_run(path, no_more_faults);
    folder_remove(folder);
    return atomic_load(&until_fault) == 0;
}

/* A database to open, which is made once. */
static struct { char folder[64], path[96]; } prepared;

static int prepare(void **state) {
    (void)state;
    folder_make(prepared.folder, sizeof(prepared.folder));
    (void)snprintf(prepared.path, sizeof(prepared.path), "%s/test.db", prepared.folder);
    session_prepare(prepared.path);
    return 0;
}

static int remove_prepared(void **state) {
    (void)state;
    folder_remove(prepared.folder);
    return 0;
}

static bool open_with_fault(long n) {
    char folder[64], path[96], copy[96];
    folder_make(folder, sizeof(folder));
    (void)snprintf(path, sizeof(path), "%s/test.db", folder);
    (void)snprintf(copy, sizeof(copy), "%s/copy.db", folder);
    folder_copy(prepared.path, path);
    atomic_store(&until_fault, n);
    session_reopen(path, copy, no_more_faults);
    folder_remove(folder);
    return atomic_load(&until_fault) == 0;
}

/* The fault of the current run; n = 0: there is none. */
static struct {
    const char *what;
    long n;
} under_way;

static int end_faults(void **state) {
    (void)state;
    if (under_way.n > 0)
        print_error("that was with FISHERD_FAULT=%ld of the %s\n", under_way.n, under_way.what);
    under_way.n = 0;
    atomic_store(&until_fault, 0);
    counts_allocations = counts_calls = says_full = false;
    return 0;
}

static void run_all(const char *what, run *run_with_fault, long stride) {
    const char *only = getenv("FISHERD_FAULT"), *denser = getenv("FISHERD_DENSER");
    const char *part = getenv("FISHERD_SHARE");
    long runs = 0, share = 1, shares = 1;
    if (only) {
        (void)run_with_fault(strtol(only, NULL, 10));
        return;
    }
    if (getenv("FISHERD_LONG"))
        stride = 1;
    else if (denser && strtol(denser, NULL, 10) > 0)
        stride = 1 + stride / strtol(denser, NULL, 10);
    if (part)
        assert_int_equal(sscanf(part, "%ld/%ld", &share, &shares), 2);
    under_way.what = what;
    for (under_way.n = 1 + (share - 1) * stride; run_with_fault(under_way.n);
         under_way.n += shares * stride)
        runs++;
    print_message("faults: %ld of about %ld %s failed once, nothing lost\n", runs, under_way.n,
                  what);
    under_way.n = 0;
    assert_true(runs > 15);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    counts_allocations = true;
    run_all("allocations", live_with_fault, 151);
}

static void any_allocation_may_fail_while_a_database_is_opened_or_copied(void **state) {
    (void)state;
    counts_allocations = true;
    run_all("allocations with a database", open_with_fault, 601);
}

static void any_call_may_fail_while_a_database_is_opened_or_copied(void **state) {
    (void)state;
    counts_calls = true;
    run_all("calls to the file system with a database", open_with_fault, 23);
}

static void any_call_to_the_file_system_may_fail(void **state) {
    (void)state;
    counts_calls = true;
    run_all("calls to the file system", live_with_fault, 5);
}

static void any_write_may_find_no_room(void **state) {
    (void)state;
    counts_calls = true;
    says_full = true;
    run_all("calls, writes for want of room,", live_with_fault, 7);
}

int main(int argc, char **argv) {
    static const shim_hooks hooks = {.before = fail_call};
    hook_allocations();
    shim_install();
    shim_set_hooks(&hooks);
    fd_log_set_level(FD_LOG_ERROR);
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(any_allocation_may_fail, end_faults),
        cmocka_unit_test_teardown(any_allocation_may_fail_while_a_database_is_opened_or_copied,
                                  end_faults),
        cmocka_unit_test_teardown(any_call_to_the_file_system_may_fail, end_faults),
        cmocka_unit_test_teardown(any_call_may_fail_while_a_database_is_opened_or_copied,
                                  end_faults),
        cmocka_unit_test_teardown(any_write_may_find_no_room, end_faults),
    };
    return cmocka_run_group_tests(tests, prepare, remove_prepared);
}
