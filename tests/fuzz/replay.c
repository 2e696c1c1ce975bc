/* Runs stored inputs through a fuzz target. The arguments are files, or folders of files. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "macros.h"

static size_t inputs;

static int run_file(const char *path, size_t size) {
    FD_FREE uint8_t *bytes = malloc(size ? size : 1); /* not a byte more, for AddressSanitizer */
    FILE *file = fopen(path, "rbe");
    if (!bytes || !file || fread(bytes, 1, size, file) != size) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    (void)fclose(file);
    (void)printf("%s\n", path);
    (void)fflush(stdout); /* the last line names the input that failed */
    (void)LLVMFuzzerTestOneInput(bytes, size);
    inputs++;
    return 0;
}

static int run_path(const char *path) {
    struct stat about;
    if (stat(path, &about) < 0) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    if (!S_ISDIR(about.st_mode))
        return run_file(path, (size_t)about.st_size);
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    int r = n < 0;
    for (int i = 0; i < n; i++) {
        char name[4096];
        (void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            r |= run_path(name);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return r;
}

int main(int argc, char **argv) {
    int r = 0;
    for (int i = 1; i < argc; i++)
        r |= run_path(argv[i]);
    (void)printf("%zu inputs\n", inputs);
    return inputs == 0 ? 1 : r;
}
