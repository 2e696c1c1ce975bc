/*
 * An SQLite file system over the usual one: a test sees every call and can make it fail. With
 * -Wl,--wrap it also sees the calls that the store itself makes to work on files. Nothing is really
 * synced: the test models what would be on the disk after a sync.
 */
#ifndef FD_FAULTS_SHIM_H
#define FD_FAULTS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The calls that a test sees, with their names. */
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
    const char *path; /* "" for a temporary file */
    const char *to;   /* for RENAME and LINK */
    const void *bytes;
    size_t size; /* for READ and WRITE */
    int64_t offset;
    int64_t length;   /* for TRUNCATE */
    bool sync_folder; /* for SYNC and DELETE: the name of the file is synced too */
    bool creates;     /* for OPEN */
} shim_event;

/* `before` runs before a call and returns SQLITE_OK, or the error that the call is to fail with.
 * `after` runs after a call that succeeded. Either may be NULL. */
typedef struct shim_hooks {
    int (*before)(void *context, const shim_event *event);
    void (*after)(void *context, const shim_event *event);
    void *context;
} shim_hooks;

/* Makes the shim SQLite's default file system. */
void shim_install(void);

/* NULL: all calls go through. */
void shim_set_hooks(const shim_hooks *hooks);

#endif
