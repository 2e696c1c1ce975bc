/* Folders for tests, in memory if there is a file system for it. */
#ifndef FD_FAULTS_FOLDER_H
#define FD_FAULTS_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

void folder_make(char *path, size_t size);
void folder_empty(const char *path);
void folder_remove(const char *path);
bool folder_has(const char *path);
void folder_copy(const char *from, const char *to); /* one file */

#endif
