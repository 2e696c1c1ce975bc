/* `fisherd check-config`: reads everything that `serve` would read, and says all that is wrong. */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blas_kernels.h"
#include "commands.h"
#include "log.h"
#include "options_check.h"
#include "options_for_embedder.h"
#include "options_for_http.h"
#include "report_error.h"
#include "service.h"
#include "sqlite_store.h"
#include "store_open.h"
#include "token_files.h"

extern char **environ;

/* ---- what may be wrong; each returns 0 or -errno, with a fault for people ---- */

static int check_kernels(const fd_options *options, fd_fault *fault) {
    return fd_blas_kernels_check(options->blas_kernels, fault);
}

static int check_tls(const fd_options *options, fd_fault *fault) {
    FD_CLEANUP(fd_tls_freep) fd_tls *tls = NULL;
    return fd_service_load_tls(options, &tls, fault);
}

/* What replicas share, with the tokens in it. *ret is NULL where it is still empty: `serve` makes
 * its tables. */
static int open_shared(const fd_options *options, fd_store **ret, fd_fault *fault) {
    int r = fd_store_open_read_only(options->db, ret, fault);
    if (r != -EBADMSG || !strstr(fault->detail, " is empty, not "))
        return r;
    *fault = (fd_fault){0};
    return 0;
}

static int check_tokens(const fd_options *options, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *shared = NULL;
    FD_CLEANUP(fd_access_closep) fd_access *access = NULL;
    FD_CLEANUP(fd_token_files_clear) fd_token_files files = {0};
    char host[64];
    uint16_t port;
    int r = fd_options_split_listen(options->listen, host, sizeof(host), &port, fault);
    if (r == 0 && fd_store_is_url(options->db)) {
        r = open_shared(options, &shared, fault);
        if (r < 0 || !shared)
            return r;
    }
    if (r == 0)
        r = fd_token_files_find(options, options->db, shared, &files, fault);
    return r == 0 ? fd_token_files_open(options, &files, host, &access, fault) : r;
}

static int check_folder(const char *option, const char *path, fd_fault *fault) {
    struct stat about;
    if (stat(path, &about) < 0)
        return fd_fault_set(fault, -errno, "", "%s: the folder %s cannot be used: %s", option, path,
                            strerror(errno));
    if (!S_ISDIR(about.st_mode))
        return fd_fault_set(fault, -ENOTDIR, "", "%s: %s is not a folder", option, path);
    if (access(path, W_OK | X_OK) < 0)
        return fd_fault_set(fault, -errno, "", "%s: the folder %s cannot be written: %s", option,
                            path, strerror(errno));
    return 0;
}

static int check_embedder(const fd_options *options, fd_fault *fault) {
    FD_CLEANUP(fd_embedder_closep) fd_embedder *embedder = NULL;
    return fd_options_open_embedder(options, &embedder, fault);
}

/* An older schema is right too: `serve` migrates it. What replicas share is opened with the tokens
 * that are in it. */
static int check_database(const fd_options *options, fd_fault *fault) {
    FD_CLEANUP(fd_store_closep) fd_store *store = NULL;
    FD_FREE char *copy = strdup(options->db);
    struct stat about;
    if (!copy)
        return -ENOMEM;
    if (fd_store_is_url(options->db))
        return 0;
    int r = check_folder("db", dirname(copy), fault);
    if (r < 0 || (stat(options->db, &about) < 0 && errno == ENOENT))
        return r;
    if (stat(options->db, &about) == 0 && about.st_size == 0)
        return 0; /* becomes a database */
    if (access(options->db, R_OK | W_OK) < 0)
        return fd_fault_set(fault, -errno, "", "db: %s cannot be written: %s", options->db,
                            strerror(errno));
    r = fd_store_open_sqlite_read_only(options->db, &store, fault);
    if (r != -EPROTONOSUPPORT || !strstr(fault->detail, ": migrate it first"))
        return r;
    *fault = (fd_fault){0};
    return 0;
}

static int check_backups(const fd_options *options, fd_fault *fault) {
    if (options->backup_dir[0] == '\0')
        return 0;
    return check_folder("backup-dir", options->backup_dir, fault);
}

static int (*const checks[])(const fd_options *options, fd_fault *fault) = {
    check_kernels, check_tls, check_tokens, check_embedder, check_database, check_backups,
};

/* ---- the command ---- */

/* FISHERD_NAME without an option of that name is not an error, because other programs may use it.
 */
static void note_unknown_variables(void) {
    static const char prefix[] = "FISHERD_";
    for (char **variable = environ; *variable; variable++) {
        char name[64] = "";
        size_t length = strcspn(*variable, "=");
        if (strncmp(*variable, prefix, strlen(prefix)) != 0 || length >= sizeof(name))
            continue;
        length -= strlen(prefix);
        for (size_t i = 0; i < length; i++) {
            char c = (*variable)[strlen(prefix) + i];
            name[i] = (char)(c == '_' ? '-' : tolower((unsigned char)c));
        }
        if (!fd_option_find(&fd_options_table, name, length))
            (void)fprintf(stderr, "fisherd check-config: note: %.*s sets no option\n",
                          (int)strcspn(*variable, "="), *variable);
    }
}

int fd_check_config_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    fd_fault fault = {0};
    fd_log_set_level(FD_LOG_ERROR);
    int r = sodium_init() < 0 ? -EIO : fd_options_read(argc, argv, &options, &fault);
    if (r == 0)
        r = fd_options_check(&options, &fault);
    if (r < 0)
        return fd_report_error("check-config", r, &fault);
    note_unknown_variables();
    int status = 0;
    for (size_t i = 0; i < FD_LENGTH(checks); i++) {
        fault = (fd_fault){0};
        r = checks[i](&options, &fault);
        if (r < 0)
            status = fd_report_error("check-config", r, &fault);
    }
    if (status == 0)
        printf("the configuration is sound\n");
    return status;
}
