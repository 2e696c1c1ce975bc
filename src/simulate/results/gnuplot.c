/* Writes scripts for gnuplot and runs them. */
#include "gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void fd_gnuplot_print_text(FILE *script, const char *text) {
    (void)fputc('\'', script);
    for (; *text; text++) {
        if (*text == '\'')
            (void)fputc('\'', script);
        (void)fputc(*text, script);
    }
    (void)fputc('\'', script);
}

int fd_gnuplot_open(const char *folder, const char *name, FILE **ret, fd_fault *fault) {
    FD_FREE char *path = NULL;
    if (asprintf(&path, "%s/%s.gp", folder, name) < 0)
        return -ENOMEM;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return fd_fault_set(fault, -errno, "", "%s cannot be made: %s", folder, strerror(errno));
    *ret = fopen(path, "we");
    return *ret
               ? 0
               : fd_fault_set(fault, -errno, "", "%s cannot be written: %s", path, strerror(errno));
}

static int spawn(const char *folder, const char *script, pid_t *ret) {
    char *const arguments[] = {(char *)"gnuplot", (char *)script, NULL};
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return -r;
    r = posix_spawn_file_actions_addchdir_np(&actions, folder);
    if (r == 0)
        r = posix_spawnp(ret, "gnuplot", &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int run_gnuplot(const char *folder, const char *name, fd_fault *fault) {
    FD_FREE char *script = NULL;
    pid_t child = -1;
    int status = 0;
    if (asprintf(&script, "%s.gp", name) < 0)
        return -ENOMEM;
    int r = spawn(folder, script, &child);
    if (r == -ENOENT)
        return fd_fault_set(fault, r, "",
                            "gnuplot is not installed; you can run the script %s/%s elsewhere",
                            folder, script);
    if (r != 0)
        return r;
    if (waitpid(child, &status, 0) < 0)
        return -errno;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fd_fault_set(fault, -EIO, "", "gnuplot failed with %s/%s", folder, script);
    return 0;
}

int fd_gnuplot_draw(const char *folder, const char *name, FILE *script, fd_fault *fault) {
    bool failed = ferror(script) != 0;
    failed |= fclose(script) != 0;
    if (failed)
        return fd_fault_set(fault, -EIO, "", "%s/%s.gp cannot be written", folder, name);
    return run_gnuplot(folder, name, fault);
}
