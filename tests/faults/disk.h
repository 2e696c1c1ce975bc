/*
 * What a power cut leaves of the files of one folder. Every file has what was synced and a list of
 * what was done to it since; a cut leaves any part of that list. So it is with the names of files,
 * which are on the disk when their folder was synced.
 */
#ifndef FD_FAULTS_DISK_H
#define FD_FAULTS_DISK_H

#include "rng.h"
#include "shim.h"

typedef struct fd_disk fd_disk;

/* What becomes of what is not synced. */
typedef enum disk_fate {
    DISK_DROPPED,
    DISK_KEPT,
    DISK_MIXED, /* each write for itself */
    DISK_TORN,  /* each sector of each write for itself */
    DISK_FATE_COUNT
} disk_fate;

/* The files that are in the folder now are on the disk. */
fd_disk *disk_new(const char *folder);
void disk_free(fd_disk *model);

/* To be told of every call that worked, on files of whatever folder. */
void disk_note(fd_disk *model, const shim_event *event);
bool disk_holds(const fd_disk *model, const char *path); /* whether the path is in the folder */

/* Writes to the folder `to` the files that a cut at this moment leaves. */
void disk_cut(const fd_disk *model, disk_fate fate, fd_rng *rng, const char *to);

#endif
