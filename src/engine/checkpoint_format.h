/*
 * The bytes of a checkpoint: a header, items, revisions of labels, and the names of annotators. It
 * holds what a replay makes of the first rows of the store, with prompts and annotators numbered as
 * a replay numbers them, and is read by the functions that a replay calls.
 */
#ifndef FD_CHECKPOINT_FORMAT_H
#define FD_CHECKPOINT_FORMAT_H

#include <stdint.h>

#include "text_features.h"

enum { FD_CHECKPOINT_PROOF = 16, FD_CHECKPOINT_PROGRAM = 32 };

/* Change the number at its end whenever a byte below means something else. */
#define FD_CHECKPOINT_MAGIC "fisherd tables 1"

typedef struct fd_checkpoint_header {
    char magic[16];
    char program[FD_CHECKPOINT_PROGRAM];      /* the version of the program that wrote it */
    unsigned char proof[FD_CHECKPOINT_PROOF]; /* one of those in the store */
    uint64_t items;
    uint64_t revisions;
    uint64_t text_features; /* their version; 0: they are off */
} fd_checkpoint_header;

/* Its id follows, and the id of its prompt if no item before has it. */
typedef struct fd_checkpoint_item {
    uint64_t response, shown; /* hashes */
    uint32_t prompt;          /* its number */
    uint32_t shown_bytes;
    uint32_t id_size;
    uint32_t prompt_id_size; /* 0: an item before has the prompt */
    float text_features[FD_TEXT_FEATURES];
} fd_checkpoint_item;

typedef struct fd_checkpoint_revision {
    uint32_t a, b, label, annotator;
    int64_t created_ms, duration_ms;
    uint64_t assignment;
    uint16_t origin;
    uint16_t preference;
    uint32_t annotator_size; /* of the name, which follows; 0: it came before */
} fd_checkpoint_revision;

_Static_assert(sizeof(fd_checkpoint_header) == 88, "it has no padding");
_Static_assert(sizeof(fd_checkpoint_item) == 32 + 4 * FD_TEXT_FEATURES, "it has no padding");
_Static_assert(sizeof(fd_checkpoint_revision) == 48, "it has no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written little-endian");

#endif
