/*
 * Reads JSON bodies into structs, with a fault that says what is wrong where.
 *
 * Strings and lists that are read point into the jansson tree, which must outlive them; only
 * embeddings are allocated. All functions return -EINVAL with the fault filled for wrong content,
 * and -ENOMEM, unless they say otherwise.
 */
#ifndef FD_JSON_READ_H
#define FD_JSON_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fault.h"
#include "json_embedding.h"
#include "json_path.h"
#include "json_tree.h"
#include "macros.h"
#include "text_rules.h"

/* Integers up to here are exact in every JSON reader. */
#define FD_INTEGER_MAX (INT64_C(1) << 53)

/* -EBADMSG, with a fault, for a body that is not JSON, has a member twice or nests deeper than
 * FD_JSON_DEPTH_MAX; -EINVAL for a root that is not an object. */
int fd_json_parse(const char *body, size_t size, json_t **ret, fd_fault *fault) FD_MUST_CHECK;

typedef enum fd_field_kind {
    FD_FIELD_ID,        /* const char *: as fd_id_rule takes it */
    FD_FIELD_REFERENCE, /* const char *: the id of something stored, as fd_reference_rule takes it
                         */
    FD_FIELD_TEXT,      /* const char *: at most FD_TEXT_MAX bytes */
    FD_FIELD_INTEGER,   /* int64_t: min to max */
    FD_FIELD_REAL,      /* double: lowest to highest */
    FD_FIELD_BOOLEAN,   /* bool */
    FD_FIELD_ENUM,      /* int: the index in `choices`, which ends with NULL */
    FD_FIELD_ARRAY,     /* json_t *: min to max elements */
    FD_FIELD_OBJECT,    /* json_t * */
    FD_FIELD_ANY,       /* json_t * */
    FD_FIELD_EMBEDDING, /* fd_embedding, which the caller frees, after a failure too */
} fd_field_kind;

/* A member of an object, and where it goes. An absent member leaves the struct unchanged. */
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

/* Reads an object into the struct at `ret`. A member that `fields` [n] does not list is a fault.
 * Where the fault collects more, all members are read, and those that are right are set. */
int fd_json_read(const json_t *value, const fd_path *at, const fd_field *fields, size_t n,
                 void *ret, fd_fault *fault) FD_MUST_CHECK;

/* Parses a body and reads its root. The caller releases *ret_root, also after a failure. */
int fd_json_read_body(const char *body, size_t size, const fd_field *fields, size_t n,
                      json_t **ret_root, void *ret, fd_fault *fault) FD_MUST_CHECK;

/* Reads a string as FD_FIELD_REFERENCE takes it. */
int fd_json_reference(const json_t *value, const fd_path *at, const char **ret,
                      fd_fault *fault) FD_MUST_CHECK;

#endif
