/* Copies tokens, their key and ended sessions as they are: files and shared files have the same
 * bytes. */
#include "copy_tokens.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

enum { SIZE_MAX_OF_FILES = 16 << 20, FILES = 3 };

struct content {
    char *bytes; /* NULL: there is no file */
    size_t size;
    uint64_t version;
};

static void content_clear(struct content *content) {
    if (content->bytes)
        sodium_memzero(content->bytes, content->size);
    free(content->bytes);
}

static int read_content(const fd_kept_file *file, struct content *ret, fd_fault *fault) {
    int r =
        fd_kept_file_read(file, SIZE_MAX_OF_FILES, &ret->bytes, &ret->size, &ret->version, fault);
    if (r != -ENOENT)
        return r;
    *fault = (fd_fault){0};
    return 0;
}

static bool is_same(const struct content *one, const struct content *other) {
    return one->bytes && other->bytes && one->size == other->size &&
           memcmp(one->bytes, other->bytes, one->size) == 0;
}

static void list(const fd_token_files *files, const fd_kept_file *ret[static FILES]) {
    ret[0] = &files->key; /* tokens without their key would be refused */
    ret[1] = &files->tokens;
    ret[2] = &files->ended;
}

static int check(const fd_kept_file *from, const fd_kept_file *to, fd_fault *fault) {
    FD_CLEANUP(content_clear) struct content source = {0};
    FD_CLEANUP(content_clear) struct content target = {0};
    int r = read_content(from, &source, fault);
    if (r == 0)
        r = read_content(to, &target, fault);
    if (r < 0 || !target.bytes || is_same(&source, &target))
        return r;
    return fd_fault_set(fault, -EINVAL, "",
                        "the target is not empty: %s%s is there, and is not that of the source; "
                        "nothing was changed",
                        FD_KEPT_FILE_TITLE(to));
}

int fd_copy_tokens_check(const fd_token_files *from, const fd_token_files *to, fd_fault *fault) {
    const fd_kept_file *sources[FILES], *targets[FILES];
    int r = 0;
    list(from, sources);
    list(to, targets);
    for (size_t i = 0; i < FILES && r == 0; i++)
        r = check(sources[i], targets[i], fault);
    return r;
}

/* 1: it is there now. */
static int copy_file(const fd_kept_file *from, const fd_kept_file *to, fd_fault *fault) {
    FD_CLEANUP(content_clear) struct content source = {0};
    FD_CLEANUP(content_clear) struct content target = {0};
    FD_CLEANUP(content_clear) struct content again = {0};
    int r = read_content(from, &source, fault);
    if (r < 0 || !source.bytes)
        return r;
    r = read_content(to, &target, fault);
    if (r == 0 && !is_same(&source, &target))
        r = fd_kept_file_write(to, source.bytes, source.size, target.version, fault);
    if (r == 0)
        r = read_content(to, &again, fault);
    if (r < 0)
        return r;
    return is_same(&source, &again)
               ? 1
               : fd_fault_set(fault, -EBADMSG, "", "%s%s differs", FD_KEPT_FILE_TITLE(to));
}

int fd_copy_tokens(fd_copy *copy, const fd_token_files *from, const fd_token_files *to,
                   size_t *ret_files) {
    const fd_kept_file *sources[FILES], *targets[FILES];
    int r = 0;
    list(from, sources);
    list(to, targets);
    *ret_files = 0;
    fd_copy_begin_part(copy, "tokens", 0);
    for (size_t i = 0; i < FILES && r >= 0; i++) {
        r = copy_file(sources[i], targets[i], copy->fault);
        *ret_files += r == 1;
    }
    return r < 0 ? r : 0;
}
