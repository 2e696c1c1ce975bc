/*
 * Reads items from a file of JSON lines and .npy files of embeddings.
 *
 * Line i has "id", "prompt_id" and, optionally, "prompt", "response" and "scores"; its other
 * members become the item's metadata. Row i of the embeddings belongs to line i. Row k of the
 * prompt embeddings belongs to the k-th prompt in the order of the lines; its numbers come before
 * the item's own.
 */
#ifndef FD_IMPORT_READER_H
#define FD_IMPORT_READER_H

#include <jansson.h>

#include "fault.h"
#include "macros.h"
#include "store.h"

typedef struct fd_import_reader fd_import_reader;

typedef struct fd_import_files {
    char *items;
    char *embeddings;           /* "": none; the rows then have no embedding */
    char *prompt_embeddings;    /* "": none */
    char *format;               /* of files that are named alone, which this does not read */
    const char *map;            /* as row_map.h says; not owned */
    const char *score_metadata; /* keys of metadata that are scores, as a list; not owned */
} fd_import_files;

/* An item, and what owns its texts. */
typedef struct fd_import_item {
    fd_item_row row;
    json_t *document;
    json_t *rest; /* the metadata, as a tree */
    char *metadata;
    fd_item_score *scores;
} fd_import_item;

/* -EINVAL and the like with a fault. The fault is the reader's too, for later errors. */
int fd_import_reader_open(const fd_import_files *files, fd_import_reader **ret,
                          fd_fault *fault) FD_MUST_CHECK;
void fd_import_reader_close(fd_import_reader *reader);
FD_DEFINE_CLEANUP(fd_import_reader, fd_import_reader_close)

size_t fd_import_reader_dimension(const fd_import_reader *reader); /* numbers of an item */
size_t fd_import_reader_count(const fd_import_reader *reader);     /* rows of the embeddings */
double fd_import_reader_share(const fd_import_reader *reader);     /* of the lines that is read */
size_t fd_import_reader_line(const fd_import_reader *reader); /* number of the last line read */

/*
 * Reads the next line and its embedding, which goes to values [dimension] and is borrowed by
 * ret->row. Returns 1; 0 at the end, when lines and embeddings agree in number; -EINVAL with a
 * fault that names the line. The caller clears *ret, also after a failure.
 */
int fd_import_reader_next(fd_import_reader *reader, float *values,
                          fd_import_item *ret) FD_MUST_CHECK;
void fd_import_item_clear(fd_import_item *item);

#endif
