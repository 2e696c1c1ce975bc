/* Looks for the files of a testbed under the names of data_layouts.def. */
#include "data_layout.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    size_t offset; /* of the member of fd_testbed_files */
    const char *name;
} layouts[] = {
#define LAYOUT_FILE(member, name) {offsetof(fd_testbed_files, member), name},
#include "data_layouts.def"
#undef LAYOUT_FILE
};

void fd_data_layout_clear(fd_data_layout *layout) {
    for (size_t i = 0; i < FD_LENGTH(layout->texts); i++)
        free(layout->texts[i]);
    memset(layout, 0, sizeof(*layout));
}

static const char **member_of(fd_testbed_files *files, size_t offset) {
    return (const char **)(void *)((char *)files + offset);
}

/* The last part of a path; the caller frees it. NULL: no memory. */
static char *last_part(const char *path, bool above) {
    FD_FREE char *copy = strdup(path);
    if (!copy)
        return NULL;
    return strdup(basename(above ? dirname(copy) : copy));
}

static int name_it(const char *folder, fd_data_layout *layout) {
    FD_FREE char *whole = realpath(folder, NULL);
    const char *items = layout->files.items;
    bool above = strncmp(items + strlen(folder), "/../", 4) == 0;
    if (!whole)
        return -errno;
    layout->texts[6] = last_part(whole, above);
    layout->texts[7] = above ? last_part(whole, false) : strdup("");
    layout->files.name = layout->texts[6];
    layout->files.embedding_name = layout->texts[7];
    return layout->texts[6] && layout->texts[7] ? 0 : -ENOMEM;
}

int fd_data_layout_find(const char *folder, bool has_votes, fd_data_layout *ret, fd_fault *fault) {
    FD_CLEANUP(fd_data_layout_clear) fd_data_layout layout = {0};
    size_t n = 0;
    for (size_t i = 0; i < FD_LENGTH(layouts); i++) {
        const char **member = member_of(&layout.files, layouts[i].offset);
        char *path;
        if (*member)
            continue;
        if (asprintf(&path, "%s/%s", folder, layouts[i].name) < 0)
            return -ENOMEM;
        if (access(path, F_OK) == 0)
            *member = layout.texts[n++] = path;
        else
            free(path);
    }
    if (!layout.files.items || !layout.files.embeddings)
        return fd_fault_set(fault, -ENOENT, "", "--data: the folder %.120s has no %s", folder,
                            layout.files.items ? "response_embeddings.npy" : "items.jsonl");
    if (!layout.files.golden && !layout.files.votes && !has_votes)
        return fd_fault_set(fault, -ENOENT, "",
                            "--data: the folder %.120s has neither golden.npy nor pairs.jsonl",
                            folder);
    int r = name_it(folder, &layout);
    if (r < 0)
        return r;
    *ret = layout;
    memset(&layout, 0, sizeof(layout));
    return 0;
}
