/*
 * Cuts a stream of bytes into records: lines of JSON, the elements of a JSON list, or records of
 * CSV (RFC 4180). It looks no deeper than it must: whether a record is right is the next one's to
 * say.
 */
#ifndef FD_RECORD_SPLITTER_H
#define FD_RECORD_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>

#include "macros.h"

typedef enum fd_record_kind {
    FD_RECORDS_LINES,
    FD_RECORDS_LIST,
    FD_RECORDS_TABLE, /* a line, but an end of line within quotes does not end it */
} fd_record_kind;

/* Where the records go. `take` gets bytes [size] with a NUL after them, which it may change. Both
 * return 0, or -errno, which ends the feeding. */
typedef struct fd_record_sink {
    int (*take)(void *context, char *bytes, size_t size, size_t line);
    int (*refuse)(void *context, size_t line, const char *reason);
    void *context;
} fd_record_sink;

typedef enum fd_list_state {
    FD_LIST_BEFORE,  /* before "[" */
    FD_LIST_ELEMENT, /* where an element begins or ended, or within one */
    FD_LIST_AFTER,   /* after "]" */
} fd_list_state;

typedef struct fd_record_splitter {
    fd_record_kind kind;
    fd_record_sink sink;
    size_t most; /* bytes of a record */
    char *bytes;
    size_t size, room;
    size_t line;     /* of the next byte, from 1 */
    size_t begin;    /* the line where the record begins */
    bool is_long;    /* the record is longer than that: its bytes are dropped */
    bool is_quoted;  /* within a string, or a quoted field */
    bool is_escaped; /* after a backslash, or after the quote that ended a part of a field */
    bool is_in_field;
    char separator; /* of fields */
    size_t depth;   /* of lists and objects within an element */
    fd_list_state state;
    bool needs_element; /* after a comma */
    bool is_odd;        /* "text after the list" was said */
} fd_record_splitter;

void fd_record_splitter_open(fd_record_splitter *splitter, fd_record_kind kind, size_t most,
                             const fd_record_sink *sink);
void fd_record_splitter_clear(fd_record_splitter *splitter);

/* What the sink returned; -ENOMEM. */
int fd_record_splitter_feed(fd_record_splitter *splitter, const char *bytes,
                            size_t size) FD_MUST_CHECK;
int fd_record_splitter_end(fd_record_splitter *splitter) FD_MUST_CHECK;

#endif
