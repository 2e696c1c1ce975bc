/*
 * Reads items and labels from files of the field. Pure: bytes are fed in pieces of any size, rows
 * come out by a callback. A row is one line of JSON, one element of a JSON list, or one record of
 * CSV; it gives some items and some labels, or it is refused as a whole.
 *
 * The members of items and labels that come out have passed the rules of requests: UTF-8, lengths,
 * ids, depth, members that are there twice, numbers. What needs the database (the dimension of an
 * embedding, an id with other content, an item that a label names) is the caller's to check.
 *
 * Memory: one row of at most FD_IMPORT_RECORD_MAX bytes, and its JSON tree.
 */
#ifndef FD_IMPORT_PARSER_H
#define FD_IMPORT_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "macros.h"
#include "store_rows.h"

enum { FD_IMPORT_RECORD_MAX = 8 << 20 }; /* bytes of a row */

typedef struct fd_import_parser fd_import_parser;

/* An item. Its id and prompt_id are never NULL, its embedding is NULL if none was given. */
typedef struct fd_imported_item {
    fd_item_row row;
    bool by_texts;     /* its texts say which it is: an item that is there already under this id,
                          with the same texts, is this item, whatever its metadata says */
    bool is_embedding; /* only the embedding of an item that another row or the database has */
} fd_imported_item;

/* What somebody answered about a pair. */
typedef struct fd_imported_label {
    const char *id; /* derived, if none was given, from the other members but the comment */
    const char *a;  /* ids of items: of the same row, or of others */
    const char *b;
    fd_preference preference;
    const char *annotator; /* the name of the format if none was given */
    int64_t duration_ms;   /* -1: unknown */
    int64_t created_ms;    /* -1: unknown */
    const char *comment;   /* may be NULL */
} fd_imported_label;

/* Valid inside the callback, as all that it points to. Items come before the labels that name them.
 */
typedef struct fd_imported_row {
    size_t line; /* where the row begins, from 1 */
    const fd_imported_item *items;
    size_t n_items;
    const fd_imported_label *labels;
    size_t n_labels;
} fd_imported_row;

typedef struct fd_import_refusal {
    size_t line;
    const char *pointer; /* to the member, as in fd_fault; "": the row as a whole */
    const char *reason;  /* for people, as in fd_fault */
} fd_import_refusal;

/* Each returns 0, or -errno, which ends the parsing and is returned. */
typedef struct fd_import_sink {
    int (*row)(void *context, const fd_imported_row *row);
    int (*refusal)(void *context, const fd_import_refusal *refusal);
    void *context;
} fd_import_sink;

/* Texts are copied. NULL counts as "". */
typedef struct fd_import_settings {
    const char *format;         /* a name of import_formats.def; "" or "auto": told from content */
    const char *map;            /* "to=from,…": what row_map.h says */
    const char *score_metadata; /* keys of metadata that are scores too, as a list */
    size_t record_max;          /* bytes of a row; 0: FD_IMPORT_RECORD_MAX */
} fd_import_settings;

/* -EINVAL with a fault for a format or a map that is wrong; -ENOMEM. */
int fd_import_parser_open(const fd_import_settings *settings, const fd_import_sink *sink,
                          fd_import_parser **ret, fd_fault *fault) FD_MUST_CHECK;
void fd_import_parser_close(fd_import_parser *parser);
FD_DEFINE_CLEANUP(fd_import_parser, fd_import_parser_close)

/* Takes the next bytes. -EINVAL with a fault if the format cannot be told from the first rows, or
 * the file is of a kind that must be converted; what the sink returned; -ENOMEM. Nothing may be fed
 * after a failure. */
int fd_import_parser_feed(fd_import_parser *parser, const char *bytes, size_t size,
                          fd_fault *fault) FD_MUST_CHECK;

/* Takes the end: the last row needs no end of line. Errors as above. */
int fd_import_parser_end(fd_import_parser *parser, fd_fault *fault) FD_MUST_CHECK;

/* The format's name; NULL as long as it is not known. Lines read so far. */
const char *fd_import_parser_format(const fd_import_parser *parser);
size_t fd_import_parser_line(const fd_import_parser *parser);

#endif
