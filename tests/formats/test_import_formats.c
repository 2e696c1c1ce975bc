/*
 * What an import makes of the samples in import/data: each file beside a file of the same name with
 * .out, which has the format and then what imported.h says. A broken twin has rows that are wrong.
 * The samples are of our own wording and follow the schemas that the sources of the formats name.
 *
 *     test_import_formats FOLDER            compares
 *     test_import_formats FOLDER --write    writes the .out files; read what has changed
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imported.h"

enum { PATH_SIZE = 4096 };

static char *read_file(const char *path, size_t *ret_size) {
    FILE *file = fopen(path, "rbe");
    char *text = malloc(1 << 20);
    if (!file || !text) {
        if (file)
            (void)fclose(file);
        free(text);
        return NULL;
    }
    *ret_size = fread(text, 1, (1 << 20) - 1, file);
    text[*ret_size] = '\0';
    (void)fclose(file);
    return text;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

static int write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "we");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        return 1;
    return 0;
}

/* 0: it is as expected, whether it comes at once or byte by byte. */
static int check_file(const char *path, bool write) {
    char beside[PATH_SIZE + 8];
    size_t size, expected_size;
    static const fd_import_settings settings;
    (void)snprintf(beside, sizeof(beside), "%s.out", path);
    char *text = read_file(path, &size);
    char *expected = read_file(beside, &expected_size);
    char *whole = imported(&settings, text, size, size + 1);
    char *pieces = imported(&settings, text, size, 1);
    int wrong = strcmp(whole, pieces) != 0;
    if (write)
        wrong += write_file(beside, whole);
    else
        wrong += !expected || strcmp(whole, expected) != 0;
    if (wrong)
        (void)fprintf(stderr, "%s: found\n%s", path, whole);
    free(text);
    free(expected);
    free(whole);
    free(pieces);
    return wrong;
}

int main(int argc, char **argv) {
    DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
    int wrong = 0, files = 0;
    if (!folder)
        return 2;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        char path[PATH_SIZE];
        if (entry->d_name[0] == '.' || ends_with(entry->d_name, ".out"))
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        wrong += check_file(path, argc > 2);
        files++;
    }
    (void)closedir(folder);
    printf("%d files, %d wrong\n", files, wrong);
    return wrong == 0 && files > 0 ? 0 : 1;
}
