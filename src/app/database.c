/* `fisherd migrate` and `fisherd check`: a database that no daemon holds. */
#include <errno.h>
#include <fisher/model.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"

static int read_options(int argc, char **argv, fd_options *options, fd_fault *fault) {
    int r = fd_options_read(argc, argv, options, fault);
    if (r == 0 && options->db[0] == '\0')
        r = fd_fault_set(fault, -EINVAL, "", "--db FILE is missing");
    return r;
}

int fd_migrate_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    fd_fault fault = {0};
    int from, to;
    int r = read_options(argc, argv, &options, &fault);
    if (r == 0)
        r = fd_store_migrate_sqlite(options.db, &from, &to, &fault);
    if (r < 0)
        return fd_complain("migrate", r, &fault);
    if (from == to)
        printf("%s is at schema %d already\n", options.db, to);
    else
        printf("%s went from schema %d to %d\n", options.db, from, to);
    return 0;
}

int fd_check_main(int argc, char **argv) {
    FD_CLEANUP(fd_options_clear) fd_options options = {0};
    fd_fault fault = {0};
    fd_counts counts;
    int r = read_options(argc, argv, &options, &fault);
    if (r == 0)
        r = fd_store_check_sqlite(options.db, &counts, &fault);
    if (r < 0)
        return fd_complain("check", r, &fault);
    printf("%s is sound: %llu items, %llu labels in %llu rows, %llu models\n", options.db,
           (unsigned long long)counts.items, (unsigned long long)counts.labels,
           (unsigned long long)counts.label_rows, (unsigned long long)counts.models);
    return 0;
}
