/* Reads a map of names and applies it to rows. */
#include "row_map.h"

#include <errno.h>
#include <string.h>

#include "json_path.h"

void fd_row_map_clear(fd_row_map *map) {
    free(map->text);
    *map = (fd_row_map){0};
}

static int read_entry(fd_row_map *map, char *entry, fd_fault *fault) {
    char *equals = strchr(entry, '=');
    if (!equals || equals == entry || equals[1] == '\0')
        return fd_fault_set(fault, -EINVAL, "", "a map is to=from, not \"%.80s\"", entry);
    if (map->n == FD_ROW_MAP_MAX)
        return fd_fault_set(fault, -EINVAL, "", "at most %d members can be mapped", FD_ROW_MAP_MAX);
    *equals = '\0';
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->entries[i].to, entry) == 0)
            return fd_fault_set(fault, -EINVAL, "", "\"%.80s\" is mapped twice", entry);
    map->entries[map->n].to = entry;
    map->entries[map->n++].from = equals + 1;
    return 0;
}

int fd_row_map_read(const char *text, fd_row_map *ret, fd_fault *fault) {
    *ret = (fd_row_map){.text = strdup(text)};
    if (!ret->text)
        return -ENOMEM;
    char *state, *entry = strtok_r(ret->text, ",", &state);
    int r = 0;
    for (; entry && r == 0; entry = strtok_r(NULL, ",", &state))
        r = read_entry(ret, entry, fault);
    return r;
}

/* ---- applying ---- */

/* The value at a path, and the last name of it. A member may itself have dots in its name. */
static json_t *find(json_t *row, const char *path, const char **ret_last) {
    char name[256];
    *ret_last = path;
    json_t *value = json_object_get(row, path);
    const char *dot = strchr(path, '.');
    if (value || !dot || (size_t)(dot - path) >= sizeof(name))
        return value;
    memcpy(name, path, (size_t)(dot - path));
    name[dot - path] = '\0';
    return find(json_object_get(row, name), dot + 1, ret_last);
}

int fd_row_map_apply(const fd_row_map *map, json_t *row, fd_fault *fault) {
    for (size_t i = 0; i < map->n; i++) {
        const char *to = map->entries[i].to, *from = map->entries[i].from, *last;
        json_t *value = json_incref(find(row, from, &last));
        if (!value)
            continue;
        (void)json_object_del(row, from);
        if (json_object_get(row, to)) {
            json_decref(value);
            return fd_json_fault(fault, &(fd_path){.name = to}, "is there beside \"%.80s\"", from);
        }
        if (strcmp(to, "scores") == 0 && json_is_number(value))
            value = json_pack("{s:o}", last, value);
        if (!value || json_object_set_new(row, to, value) < 0)
            return -ENOMEM;
    }
    return 0;
}
