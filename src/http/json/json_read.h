/*
 * Between JSON and structs: reading bodies and queries with a fault that says what is wrong where,
 * and writing answers.
 *
 * What is read is borrowed from the jansson tree, which must outlive it; only embeddings are
 * allocated. All functions that take a fault return -EINVAL with the fault filled for wrong content
 * and -ENOMEM, unless they say otherwise.
 */
#ifndef FD_CODEC_H
#define FD_CODEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"
#include "fault.h"
#include "json_tree.h"
#include "macros.h"
#include "request.h"
#include "score.h"

enum {
    FD_JSON_DEPTH_MAX = 32,
    FD_ID_MAX = 256,       /* bytes */
    FD_TEXT_MAX = 1 << 20, /* bytes */
    FD_PAGE_LIMIT = 100,   /* rows of a page when the query names no limit */
    FD_PAGE_LIMIT_MAX = 1000,
    FD_PAGE_BYTES = 8 << 20 /* a page of larger rows ends before its limit */
};

/* Integers up to here are exact in every JSON reader. */
#define FD_INTEGER_MAX (INT64_C(1) << 53)

/* ---- reading ---- */

/* -EBADMSG, with a fault, for what is no JSON, has duplicate members or nests deeper than
 * FD_JSON_DEPTH_MAX; -EINVAL for a root that is no object. */
int fd_json_parse(const char *body, size_t size, json_t **ret, fd_fault *fault) FD_MUST_CHECK;

/* Bytes that fd_json_parse and what reads its tree need beside the body itself, at most. */
size_t fd_json_size_estimate(const char *body, size_t size);

/* Where a value stands in the body: a chain of steps on the stack, rendered as a JSON pointer only
 * when there is a fault. NULL is the root. */
typedef struct fd_path {
    const struct fd_path *parent;
    const char *name; /* NULL: an element of a list, at the index */
    size_t index;
} fd_path;

/* Fills the fault with the pointer to `at` and returns -EINVAL. */
int fd_json_fault(fd_fault *fault, const fd_path *at, const char *detail_format, ...)
    __attribute__((format(printf, 3, 4)));

typedef struct fd_embedding {
    float *numbers; /* malloc'd [count] */
    size_t count;
} fd_embedding;

typedef enum fd_field_kind {
    FD_FIELD_ID,        /* const char *: 1 to FD_ID_MAX bytes, no control characters */
    FD_FIELD_TEXT,      /* const char *: at most FD_TEXT_MAX bytes */
    FD_FIELD_INTEGER,   /* int64_t: min to max */
    FD_FIELD_REAL,      /* double: lowest to highest */
    FD_FIELD_BOOLEAN,   /* bool */
    FD_FIELD_ENUM,      /* int: the place in `choices`, which ends with NULL */
    FD_FIELD_ARRAY,     /* json_t *: min to max elements */
    FD_FIELD_OBJECT,    /* json_t * */
    FD_FIELD_ANY,       /* json_t * */
    FD_FIELD_EMBEDDING, /* fd_embedding, which the caller frees, after a failure too */
} fd_field_kind;

/* One member of an object and where it goes. What is absent leaves the struct as it was. */
typedef struct fd_field {
    const char *name;
    fd_field_kind kind;
    bool required;
    bool nullable; /* null counts as absent */
    size_t offset; /* into the struct */
    int64_t min;
    int64_t max;
    double lowest;
    double highest;
    const char *const *choices;
} fd_field;

/* Reads an object that has no other members than the fields' into the struct at `ret`. */
int fd_json_read(const json_t *value, const fd_path *at, const fd_field *fields, size_t n,
                 void *ret, fd_fault *fault) FD_MUST_CHECK;

/* An id alone: a string as FD_FIELD_ID takes. */
int fd_json_id(const json_t *value, const fd_path *at, const char **ret,
               fd_fault *fault) FD_MUST_CHECK;

/* A list of JSON numbers, or base64 (standard alphabet, padded) of little-endian float32. */
int fd_json_embedding(const json_t *value, const fd_path *at, fd_embedding *ret,
                      fd_fault *fault) FD_MUST_CHECK;

/* An id, {"id"} or {"embedding"}. The caller frees the embedding. */
int fd_json_item_reference(const json_t *value, const fd_path *at, fd_item_reference *ret,
                           fd_fault *fault) FD_MUST_CHECK;

/* Whom a body acts for: whom it names, at the member "annotator" of `at`. One whose token is bound
 * to a name may leave it out (NULL), and no other: -EPERM. */
int fd_json_annotator(const fd_request *request, const fd_path *at, const char **annotator,
                      fd_fault *fault) FD_MUST_CHECK;

/* Frees the embeddings of n references and the list itself. */
void fd_item_references_free(fd_item_reference *references, size_t n);

/* ---- queries ---- */

/* The parts of a query that the calls of this API know. */
typedef struct fd_query {
    int64_t limit;
    int64_t cursor; /* 0 to start */
    int64_t before; /* a version; 0: from the newest */
    bool embeddings;
} fd_query;

typedef enum fd_query_takes {
    FD_QUERY_NOTHING = 0,
    FD_QUERY_PAGE = 1,       /* limit and cursor */
    FD_QUERY_EMBEDDINGS = 2, /* embeddings=true|false */
    FD_QUERY_EMBEDDING = 4,  /* the same for one item: embedding=true|false */
    FD_QUERY_VERSIONS = 8,   /* limit and before */
} fd_query_takes;

/* Parameters other than `takes` (a sum) says, twice the same and wrong values are faults. */
int fd_query_read(const fd_request *request, unsigned takes, int64_t cursor_max, fd_query *ret,
                  fd_fault *fault) FD_MUST_CHECK;

/* Reads the query; answers 400 and returns false if it is wrong. */
bool fd_query_accept(const fd_request *request, fd_response *response, unsigned takes,
                     int64_t cursor_max, fd_query *ret);
bool fd_query_accept_none(const fd_request *request, fd_response *response) FD_MUST_CHECK;

/* ---- writing: values for json_pack's "o", NULL without memory ---- */

json_t *fd_json_real(double number);        /* null unless finite */
json_t *fd_json_time(int64_t milliseconds); /* RFC 3339 in UTC */
json_t *fd_json_base64(const float *numbers, size_t count);

/* A page's {name: rows, "next_cursor": cursor or null}. Takes the rows. */
json_t *fd_json_page(const char *name, json_t *rows, bool more, int64_t cursor);

/* Sends a tree, which it takes; NULL stands for a lack of memory. */
void fd_json_respond(const fd_request *request, fd_response *response, unsigned status,
                     json_t *tree);

#endif
