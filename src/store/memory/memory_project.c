/* The project's settings in memory: adding a version, and reading the newest or all. */
#include "memory_project.h"

#include <errno.h>

#include "memory_row.h"
#include "thread.h"

static fd_project_row pack(fd_memory_packing *packing, const fd_project_row *from) {
    fd_project_row row = *from;
    row.author = fd_memory_pack_text(packing, from->author);
    row.settings = fd_memory_pack_text(packing, from->settings);
    return row;
}

void fd_memory_project_drop(fd_memory_project *project, size_t keep) {
    while (project->table.count > keep)
        free(project->table.rows[--project->table.count]);
}

int fd_memory_project_add(fd_memory_project *project, const fd_project_row *row) {
    fd_memory_packing packing = {0};
    if (row->version != project->table.count + 1)
        return -EEXIST;
    int r = fd_memory_table_reserve(&project->table);
    if (r < 0)
        return r;
    (void)pack(&packing, row);
    fd_project_row *copy = calloc(1, sizeof(*copy) + packing.size);
    if (!copy)
        return -ENOMEM;
    packing.at = (char *)(copy + 1);
    *copy = pack(&packing, row);
    project->table.rows[project->table.count++] = copy;
    return 0;
}

static size_t committed(const fd_memory_table *table) {
    FD_READ_LOCKED(table->lock);
    return table->committed;
}

int fd_memory_project_read(const fd_memory_project *project, fd_project_visit *visit,
                           void *context) {
    size_t n = committed(&project->table);
    return n > 0 ? visit(context, fd_memory_table_at(&project->table, n - 1)) : 0;
}

int fd_memory_project_versions_read(const fd_memory_project *project, fd_project_visit *visit,
                                    void *context) {
    size_t n = committed(&project->table);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = visit(context, fd_memory_table_at(&project->table, i));
    return r;
}
