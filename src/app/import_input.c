/* Reads files to import, piece by piece. */
#include "import_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 256 << 10 };

static int refuse(const fd_import_input *input, int error, fd_fault *fault) {
    return fd_fault_set(fault, error, "", "%s cannot be read: %s", input->name, strerror(-error));
}

int fd_import_input_open(const char *path, fd_decompressed *take, void *context,
                         fd_import_input *ret, fd_fault *fault) {
    struct stat about;
    bool is_standard = strcmp(path, "-") == 0;
    *ret = (fd_import_input){.name = is_standard ? "standard input" : path, .size = -1};
    ret->descriptor = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (ret->descriptor < 0)
        return refuse(ret, -errno, fault);
    if (fstat(ret->descriptor, &about) == 0 && S_ISREG(about.st_mode))
        ret->size = about.st_size;
    return fd_decompression_open(take, context, &ret->decompression);
}

void fd_import_input_close(fd_import_input *input) {
    if (input->decompression)
        fd_decompression_close(input->decompression);
    if (input->name && input->descriptor > STDIN_FILENO)
        (void)close(input->descriptor);
    *input = (fd_import_input){0};
}

int fd_import_input_read(fd_import_input *input, fd_fault *fault) {
    static char piece[PIECE];
    ssize_t n;
    do
        n = read(input->descriptor, piece, sizeof(piece));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return refuse(input, -errno, fault);
    input->at += n;
    if (n == 0)
        return fd_decompression_end(input->decompression, fault);
    int r = fd_decompression_feed(input->decompression, piece, (size_t)n, fault);
    return r < 0 ? r : 1;
}
