/* Shared files in memory: writing and reading them. */
#include "memory_shared_files.h"

#include <errno.h>
#include <string.h>

#include "array.h"
#include "memory_row.h"
#include "thread.h"

struct fd_memory_shared_file {
    fd_shared_file row; /* its bytes and its name lie behind it */
};

void fd_memory_shared_files_clear(fd_memory_shared_files *files) {
    for (size_t i = 0; i < files->n; i++)
        free(files->files[i]);
    free(files->files);
}

static fd_shared_file pack(fd_memory_packing *packing, const fd_shared_file *from) {
    fd_shared_file row = *from;
    row.bytes = fd_memory_pack(packing, from->bytes, from->size);
    row.name = fd_memory_pack_text(packing, from->name);
    return row;
}

static struct fd_memory_shared_file *file_new(const fd_shared_file *row) {
    fd_memory_packing packing = {0};
    (void)pack(&packing, row);
    struct fd_memory_shared_file *file = calloc(1, sizeof(*file) + packing.size);
    if (!file)
        return NULL;
    packing.at = (char *)(file + 1);
    file->row = pack(&packing, row);
    return file;
}

/* The index of a file; `n` if there is none of that name. */
static size_t find(const fd_memory_shared_files *files, const char *name) {
    size_t i = 0;
    while (i < files->n && strcmp(files->files[i]->row.name, name) != 0)
        i++;
    return i;
}

int fd_memory_shared_file_write(fd_memory_shared_files *files, const char *name, const void *bytes,
                                size_t size, uint64_t replaced) {
    FD_WRITE_LOCKED(files->lock);
    size_t i = find(files, name);
    if (replaced != (i < files->n ? files->files[i]->row.version : 0))
        return -EEXIST;
    int r = fd_array_reserve(&files->files, &files->capacity, files->n + 1,
                             sizeof(struct fd_memory_shared_file *));
    if (r < 0)
        return r;
    struct fd_memory_shared_file *file =
        file_new(&(fd_shared_file){name, replaced + 1, bytes, size});
    if (!file)
        return -ENOMEM;
    if (i < files->n)
        free(files->files[i]);
    else
        files->n++;
    files->files[i] = file;
    return 0;
}

int fd_memory_shared_file_read(const fd_memory_shared_files *files, const char *name,
                               uint64_t known, fd_shared_file_visit *visit, void *context) {
    FD_READ_LOCKED(files->lock);
    size_t i = find(files, name);
    if (i == files->n || files->files[i]->row.version == known)
        return 0;
    return visit(context, &files->files[i]->row);
}
