/* Writes an export to standard output, or to a file under another name until it is complete. */
#include "export_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int write_bytes(const char *bytes, size_t size, void *context) {
    fd_export_output *output = context;
    if (fwrite(bytes, 1, size, output->file) == size)
        return 0;
    output->error = output->error < 0 ? output->error : -errno;
    return -1;
}

static int refuse(const fd_export_output *output, int error, fd_fault *fault) {
    return fd_fault_set(fault, error, "", "%s cannot be written: %s",
                        output->path ? output->path : "standard output", strerror(-error));
}

static int open_file(fd_export_output *output, const char *path, fd_fault *fault) {
    output->path = strdup(path);
    if (!output->path || asprintf(&output->part, "%s.part", path) < 0)
        return -ENOMEM;
    if (access(path, F_OK) == 0)
        return fd_fault_set(fault, -EEXIST, "", "%s exists already", path);
    int descriptor = open(output->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == EEXIST)
        return fd_fault_set(
            fault, -EEXIST, "",
            "%s exists: another export writes it, or one was interrupted; remove it", output->part);
    if (descriptor < 0)
        return refuse(output, -errno, fault);
    output->file = fdopen(descriptor, "w");
    if (output->file)
        return 0;
    (void)close(descriptor);
    (void)unlink(output->part);
    return -ENOMEM;
}

int fd_export_output_open(fd_export_output *output, const char *path, fd_fault *fault) {
    output->sink = (fd_export_sink){write_bytes, output};
    if (path[0] != '\0' && strcmp(path, "-") != 0)
        return open_file(output, path, fault);
    output->file = stdout;
    return 0;
}

/* The bytes reach the disk before the name does. link fails where the name exists. */
static int publish(fd_export_output *output) {
    int r = fflush(output->file) == 0 ? 0 : -errno;
    if (r == 0 && output->path)
        r = fsync(fileno(output->file)) == 0 ? 0 : -errno;
    if (r == 0 && output->path)
        r = link(output->part, output->path) == 0 ? 0 : -errno;
    return r;
}

int fd_export_output_close(fd_export_output *output, int result, fd_fault *fault) {
    if (result == 0 && output->error == 0)
        result = output->error = publish(output);
    return output->error < 0 ? refuse(output, output->error, fault) : result;
}

void fd_export_output_clear(fd_export_output *output) {
    if (output->file && output->path) {
        (void)fclose(output->file);
        (void)unlink(output->part);
    }
    free(output->path);
    free(output->part);
}
