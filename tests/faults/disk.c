/* A model of a disk: files with their synced content, and the changes since. */
#include "disk.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"

enum { NAMES_MAX = 32, SECTOR = 512 };

/* A write of `size` bytes; with bytes NULL, a truncation to `offset`. */
typedef struct disk_change {
    int64_t offset;
    size_t size;
    unsigned char *bytes;
} disk_change;

typedef struct disk_content {
    unsigned char *bytes;
    size_t size;
} disk_content;

/* Several names may have one file. The disk owns all files. */
typedef struct disk_file {
    struct disk_file *next;
    disk_content synced;
    disk_change *changes;
    size_t n;
    size_t capacity;
} disk_file;

typedef struct disk_entry {
    char name[128];
    disk_file *now;    /* NULL: the name does not exist */
    disk_file *synced; /* the same on the disk */
} disk_entry;

struct fd_disk {
    char folder[128];
    disk_file *files;
    disk_entry entries[NAMES_MAX];
    size_t n;
};

static void *need(void *memory) {
    if (!memory)
        abort();
    return memory;
}

/* ---- contents ---- */

static void resize(disk_content *content, size_t size) {
    content->bytes = need(realloc(content->bytes, size + 1));
    if (size > content->size)
        memset(content->bytes + content->size, 0, size - content->size);
    content->size = size;
}

static void overwrite(disk_content *content, size_t offset, const unsigned char *bytes,
                      size_t size) {
    if (offset + size > content->size)
        resize(content, offset + size);
    memcpy(content->bytes + offset, bytes, size);
}

static void apply(disk_content *content, const disk_change *change) {
    if (change->bytes)
        overwrite(content, (size_t)change->offset, change->bytes, change->size);
    else
        resize(content, (size_t)change->offset);
}

static void apply_torn(disk_content *content, const disk_change *change, fd_rng *rng) {
    size_t start = (size_t)change->offset, end = start + change->size;
    for (size_t at = start; at < end;) {
        size_t next = (at / SECTOR + 1) * SECTOR;
        next = next < end ? next : end;
        if (fd_rng_below(rng, 2))
            overwrite(content, at, change->bytes + (at - start), next - at);
        at = next;
    }
}

/* ---- files ---- */

static disk_file *file_new(fd_disk *model) {
    disk_file *fresh = need(calloc(1, sizeof(*fresh)));
    fresh->next = model->files;
    model->files = fresh;
    return fresh;
}

static void file_clear(disk_file *file) {
    for (size_t i = 0; i < file->n; i++)
        free(file->changes[i].bytes);
    file->n = 0;
}

static void file_change(disk_file *file, int64_t offset, const void *bytes, size_t size) {
    disk_change change = {.offset = offset, .size = size};
    if (bytes) {
        change.bytes = need(malloc(size));
        memcpy(change.bytes, bytes, size);
    }
    if (fd_array_reserve(&file->changes, &file->capacity, file->n + 1, sizeof(change)) < 0)
        abort();
    file->changes[file->n++] = change;
}

static void file_sync(disk_file *file) {
    for (size_t i = 0; i < file->n; i++)
        apply(&file->synced, &file->changes[i]);
    file_clear(file);
}

static disk_content file_after(const disk_file *file, disk_fate fate, fd_rng *rng) {
    disk_content left = {0};
    resize(&left, file->synced.size);
    if (left.size > 0)
        memcpy(left.bytes, file->synced.bytes, left.size);
    for (size_t i = 0; i < file->n && fate != DISK_DROPPED; i++) {
        const disk_change *change = &file->changes[i];
        if (fate == DISK_TORN && change->bytes)
            apply_torn(&left, change, rng);
        else if (fate == DISK_KEPT || fd_rng_below(rng, 2))
            apply(&left, change);
    }
    return left;
}

/* ---- the folder ---- */

bool disk_holds(const fd_disk *model, const char *path) {
    size_t length = strlen(model->folder);
    return strncmp(path, model->folder, length) == 0 && path[length] == '/';
}

static disk_entry *entry_of(fd_disk *model, const char *path) {
    const char *name = path + strlen(model->folder) + 1;
    for (size_t i = 0; i < model->n; i++)
        if (strcmp(model->entries[i].name, name) == 0)
            return &model->entries[i];
    if (model->n == NAMES_MAX || strlen(name) >= sizeof(model->entries[0].name))
        abort();
    disk_entry *fresh = &model->entries[model->n++];
    (void)snprintf(fresh->name, sizeof(fresh->name), "%s", name);
    return fresh;
}

static void sync_names(fd_disk *model) {
    for (size_t i = 0; i < model->n; i++)
        model->entries[i].synced = model->entries[i].now;
}

static void load(disk_file *file, const char *path) {
    struct stat about;
    FILE *stream = need(fopen(path, "rb"));
    if (fstat(fileno(stream), &about) < 0)
        abort();
    resize(&file->synced, (size_t)about.st_size);
    if (fread(file->synced.bytes, 1, file->synced.size, stream) != file->synced.size)
        abort();
    (void)fclose(stream);
}

fd_disk *disk_new(const char *folder) {
    fd_disk *fresh = need(calloc(1, sizeof(*fresh)));
    (void)snprintf(fresh->folder, sizeof(fresh->folder), "%s", folder);
    DIR *entries = need(opendir(folder));
    for (struct dirent *found; (found = readdir(entries));) {
        char path[512];
        if (found->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, found->d_name);
        disk_entry *entry = entry_of(fresh, path);
        entry->now = entry->synced = file_new(fresh);
        load(entry->now, path);
    }
    (void)closedir(entries);
    return fresh;
}

void disk_free(fd_disk *model) {
    for (disk_file *file = model->files, *next; file; file = next) {
        next = file->next;
        file_clear(file);
        free(file->changes);
        free(file->synced.bytes);
        free(file);
    }
    free(model);
}

void disk_note(fd_disk *model, const shim_event *event) {
    if (event->call == SHIM_SYNC && strcmp(event->path, model->folder) == 0)
        sync_names(model);
    if (!disk_holds(model, event->path))
        return;
    disk_entry *entry = entry_of(model, event->path);
    if (event->call == SHIM_OPEN && !entry->now)
        entry->now = file_new(model);
    if (!entry->now)
        return;
    if (event->call == SHIM_WRITE)
        file_change(entry->now, event->offset, event->bytes, event->size);
    if (event->call == SHIM_TRUNCATE)
        file_change(entry->now, event->length, NULL, 0);
    if (event->call == SHIM_SYNC)
        file_sync(entry->now);
    if (event->call == SHIM_RENAME || event->call == SHIM_LINK)
        entry_of(model, event->to)->now = entry->now;
    if (event->call == SHIM_RENAME || event->call == SHIM_DELETE)
        entry->now = NULL;
    if (event->sync_folder)
        sync_names(model);
}

static void write_out(const disk_content *content, const char *folder, const char *name) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *stream = need(fopen(path, "wb"));
    if (fwrite(content->bytes, 1, content->size, stream) != content->size || fclose(stream) != 0)
        abort();
}

void disk_cut(const fd_disk *model, disk_fate fate, fd_rng *rng, const char *to) {
    for (size_t i = 0; i < model->n; i++) {
        const disk_entry *entry = &model->entries[i];
        bool as_now = fate == DISK_KEPT || (fate != DISK_DROPPED && fd_rng_below(rng, 2));
        const disk_file *file = as_now ? entry->now : entry->synced;
        if (!file)
            continue;
        disk_content left = file_after(file, fate, rng);
        write_out(&left, to, entry->name);
        free(left.bytes);
    }
}
