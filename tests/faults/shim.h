/*
 * An SQLite file system over the usual one, in which a test sees every call and can make it fail.
 * With -Wl,--wrap it sees as well what the store does to files by itself. Nothing is synced in
 * truth: what would be on the disk after a sync is the test's to model.
 */
#ifndef FD_FAULTS_SHIM_H
#define FD_FAULTS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calls that the test sees, with their names. */
#define SHIM_CALLS                                                                                 \
    X(OPEN, "open")                                                                                \
    X(READ, "read")                                                                                \
    X(WRITE, "write")                                                                              \
    X(TRUNCATE, "truncate")                                                                        \
    X(SYNC, "sync")                                                                                \
    X(SIZE, "size")                                                                                \
    X(LOCK, "lock")                                                                                \
    X(SHARED_MEMORY, "shared memory")                                                              \
    X(ACCESS, "access")                                                                            \
    X(DELETE, "delete")                                                                            \
    X(RENAME, "rename")                                                                            \
    X(LINK, "link")

typedef enum shim_call {
#define X(identifier, name) SHIM_##identifier,
    SHIM_CALLS
#undef X
        SHIM_CALL_COUNT
} shim_call;

const char *shim_call_name(shim_call call);

typedef struct shim_event {
    shim_call call;
    const char *path; /* "" of a temporary file */
    const char *to;   /* of RENAME and LINK */
    const void *bytes;
    size_t size; /* of READ and WRITE */
    int64_t offset;
    int64_t length;   /* of TRUNCATE */
    bool sync_folder; /* of SYNC and DELETE: the entry of the file in its folder is synced too */
    bool creates;     /* of OPEN */
} shim_event;

/* `before` returns SQLITE_OK, or the error that the call fails with; 'after' one that worked. */
typedef struct shim_watch {
    int (*before)(void *context, const shim_event *event);
    void (*after)(void *context, const shim_event *event);
    void *context;
} shim_watch;

/* Becomes SQLite's default file system. A NULL watch lets everything through. */
void shim_install(void);
void shim_set_watch(const shim_watch *watch);

#endif
