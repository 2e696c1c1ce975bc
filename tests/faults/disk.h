/*
 * A model of what a power cut leaves of the files of one folder. Every file has its synced content
 * and a list of changes since; a cut leaves any part of that list. The same holds for the names of
 * files, which are on the disk once their folder is synced.
 */
#ifndef FD_FAULTS_DISK_H
#define FD_FAULTS_DISK_H

#include "rng.h"
#include "shim.h"

typedef struct fd_disk fd_disk;

/* What a cut does to the changes that are not synced. */
typedef enum disk_fate {
    DISK_DROPPED,
    DISK_KEPT,
    DISK_MIXED, /* each write is dropped or kept */
    DISK_TORN,  /* each sector of each write is dropped or kept */
    DISK_FATE_COUNT
} disk_fate;

/* Starts with the files that are in the folder, as synced. */
fd_disk *disk_new(const char *folder);
void disk_free(fd_disk *model);

/* Notes a call that succeeded; calls on files of other folders do not matter. */
void disk_note(fd_disk *model, const shim_event *event);
bool disk_holds(const fd_disk *model, const char *path); /* whether the path is in the folder */

/* Writes the files that a cut at this moment leaves to the folder `to`. */
void disk_cut(const fd_disk *model, disk_fate fate, fd_rng *rng, const char *to);

#endif
