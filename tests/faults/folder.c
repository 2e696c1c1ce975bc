/* Folders for tests. */
#include "folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void folder_make(char *path, size_t size) {
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(path, size, "%s/fisherd-faults-XXXXXX", parent);
    if (!mkdtemp(path))
        abort();
}

void folder_empty(const char *path) {
    DIR *entries = opendir(path);
    if (!entries)
        abort();
    for (struct dirent *entry; (entry = readdir(entries));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            (void)unlinkat(dirfd(entries), entry->d_name, 0);
    (void)closedir(entries);
}

void folder_remove(const char *path) {
    folder_empty(path);
    (void)rmdir(path);
}

void folder_copy(const char *from, const char *to) {
    char bytes[1 << 16];
    FILE *source = fopen(from, "re"), *target = fopen(to, "we");
    if (!source || !target)
        abort();
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), source)) > 0;)
        if (fwrite(bytes, 1, n, target) != n)
            abort();
    if (ferror(source) || fclose(source) != 0 || fclose(target) != 0)
        abort();
}

bool folder_has(const char *path) {
    return access(path, F_OK) == 0;
}
