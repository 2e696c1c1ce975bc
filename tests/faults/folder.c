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

bool folder_has(const char *path) {
    return access(path, F_OK) == 0;
}
