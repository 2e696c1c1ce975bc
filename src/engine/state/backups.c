/* Copies the store to a file of the backup folder, one backup at a time. */
#include "backups.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "clock.h"
#include "engine_state.h"
#include "log.h"

static const char partial[] = ".partial"; /* ends the name of a file that is not complete yet */

/* A plain file name that `ls` shows. */
static bool is_plain(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length >= FD_BACKUP_NAME_SIZE || name[0] == '.' || name[0] == '-')
        return false;
    for (const char *at = name; *at; at++)
        if (!isascii((unsigned char)*at) || (!isalnum((unsigned char)*at) && !strchr("._-", *at)))
            return false;
    return length < sizeof(partial) || strcmp(name + length - sizeof(partial) + 1, partial) != 0;
}

/* Whether a path leads to the file `name` of the backup folder, which need not exist: a key that is
 * made later would find the backup in its place. */
static int leads_to(const char *path, const struct stat *folder, const char *name, bool *ret) {
    FD_FREE char *copy = strdup(path);
    struct stat about;
    if (!copy)
        return -ENOMEM;
    const char *slash = strrchr(path, '/');
    *ret = strcmp(slash ? slash + 1 : path, name) == 0 && stat(dirname(copy), &about) == 0 &&
           about.st_dev == folder->st_dev && about.st_ino == folder->st_ino;
    return 0;
}

static int refuse_file_in_use(const fd_engine *engine, const char *name, fd_fault *fault) {
    struct stat folder;
    if (stat(engine->options.backup_folder, &folder) < 0)
        return 0; /* the copy cannot be written either, and says why */
    for (size_t i = 0; i < FD_FILES_IN_USE; i++) {
        const char *path = engine->options.files_in_use[i];
        bool is_in_use = false;
        int r = path && path[0] != '\0' ? leads_to(path, &folder, name, &is_in_use) : 0;
        if (r < 0)
            return r;
        if (is_in_use)
            return fd_fault_set(fault, -EINVAL, "/name", "the daemon uses a file of this name");
    }
    return 0;
}

static void name_by_time(const fd_engine *engine, char name[FD_BACKUP_NAME_SIZE]) {
    struct tm parts;
    time_t now = (time_t)(fd_engine_now_ms(engine) / 1000);
    (void)gmtime_r(&now, &parts);
    (void)strftime(name, FD_BACKUP_NAME_SIZE, "fisherd-%Y%m%dT%H%M%SZ.db", &parts);
}

static bool goes_on(void *context) {
    const fd_engine *engine = context;
    return !atomic_load(&engine->interrupted);
}

/* Logs the result, and makes a fault for the client of it. Paths and the system's messages go only
 * to the log. */
static int report(fd_engine *engine, int error, const fd_backup_made *made,
                  const fd_fault *store_fault, fd_fault *fault) {
    fd_metrics_add(engine->metrics, FD_METRIC_BACKUPS, error == 0 ? "made" : "failed", NULL, 1);
    if (error == 0) {
        fd_metrics_set(engine->metrics, FD_METRIC_BACKUP_TIME, NULL, NULL,
                       (double)fd_wall_milliseconds() / 1e3);
        fd_log(FD_LOG_INFO, "backed-up", FD_STR("file", made->name),
               FD_INT("bytes", made->held.bytes), FD_INT("labels", made->held.counts.labels),
               FD_REAL("seconds", made->seconds));
        return 0;
    }
    const char *reason = store_fault->detail[0] != '\0' ? store_fault->detail : strerror(-error);
    fd_log(FD_LOG_ERROR, "backup-failed", FD_STR("file", made->name), FD_STR("error", reason));
    if (error == -EINVAL)
        return fd_fault_set(fault, error, "/name", "%s", reason);
    if (error == -EEXIST)
        return fd_fault_set(fault, error, "/name", "a file \"%s\" exists already", made->name);
    if (error == -EOPNOTSUPP)
        return fd_fault_set(fault, -EEXIST, "",
                            "this database is backed up by its own tools: see docs/SCALING.md");
    if (error == -ENOSPC || error == -EDQUOT || error == -EFBIG || error == -ECANCELED ||
        error == -ENOMEM || error == -EBUSY)
        return error;
    return fd_fault_set(fault, -EIO, "", "the backup could not be written; the log says why");
}

int fd_engine_back_up(fd_engine *engine, const char *name, fd_backup_made *ret, fd_fault *fault) {
    const char *folder = engine->options.backup_folder;
    if (!folder || folder[0] == '\0')
        return fd_fault_set(fault, -EEXIST, "",
                            "backups need the option backup-dir, which is not set");
    if (name && !is_plain(name))
        return fd_fault_set(
            fault, -EINVAL, "/name",
            "the name must have 1 to %d letters, digits, \".\", \"_\" or \"-\", must "
            "not start with \".\" or \"-\", and must not end in %s",
            FD_BACKUP_NAME_SIZE - 1, partial);
    if (name)
        (void)snprintf(ret->name, sizeof(ret->name), "%s", name);
    else
        name_by_time(engine, ret->name);
    int r = refuse_file_in_use(engine, ret->name, fault);
    if (r < 0)
        return r;
    FD_FREE char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, ret->name) < 0)
        return -ENOMEM;
    if (atomic_exchange(&engine->backup_runs, true))
        return fd_fault_set(fault, -EBUSY, "", "another backup is running");

    double start = fd_monotonic_seconds();
    fd_fault store_fault = {0};
    r = engine->store->operations->back_up(engine->store, path, goes_on, engine, &ret->held,
                                           &store_fault);
    ret->seconds = fd_monotonic_seconds() - start;
    r = report(engine, r, ret, &store_fault, fault);
    atomic_store(&engine->backup_runs, false);
    return r;
}
