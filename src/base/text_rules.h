/* What ids, names, texts, metadata and scores may hold: the same rules for requests, for imports,
 * and for the check of a database. */
#ifndef FD_TEXT_RULES_H
#define FD_TEXT_RULES_H

#include <stddef.h>

#include "macros.h"

enum {
    FD_ID_MAX = 256,            /* bytes */
    FD_TEXT_MAX = 1 << 20,      /* bytes */
    FD_METADATA_MAX = 64 << 10, /* bytes, as compact JSON */
    FD_JSON_DEPTH_MAX = 32,     /* lists and objects of a request, one in another */
    FD_METADATA_DEPTH_MAX = FD_JSON_DEPTH_MAX - 3, /* a request has them at the fourth level */
    FD_SCORE_NAME_MAX = 64,                        /* bytes */
    FD_SCORE_NAMES_MAX = 16,                       /* of a project */
    FD_RULE_SIZE = 96,
};

#define FD_SCORE_VALUE_MAX 1e6 /* of its absolute value */

/* The name of something that is stored, as it may have come in before these rules: 1 to FD_ID_MAX
 * bytes. -EINVAL with the reason in `why`; the others do the same. */
int fd_reference_rule(size_t length, char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

/* A new id or a name: also UTF-8 without control characters in the sense of fd_utf8_is_control. */
int fd_id_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

/* The name of a score: as an id, but shorter. */
int fd_score_name_rule(const char *text, size_t length,
                       char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

/* The value of a score: finite, and within FD_SCORE_VALUE_MAX. */
int fd_score_value_rule(double value, char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

/* A text for people: UTF-8 of at most FD_TEXT_MAX bytes. */
int fd_text_rule(const char *text, size_t length, char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

/* Compact JSON text of an object: UTF-8 of at most FD_METADATA_MAX bytes and FD_METADATA_DEPTH_MAX
 * deep. */
int fd_metadata_rule(const char *json, size_t length, char why[static FD_RULE_SIZE]) FD_MUST_CHECK;

#endif
