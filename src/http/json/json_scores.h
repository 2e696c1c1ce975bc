/* Scores of items in JSON: an object such as {"judge": 7.5, "old_rm": null}, where null withdraws a
 * score. The same for requests and imports. */
#ifndef FD_JSON_SCORES_H
#define FD_JSON_SCORES_H

#include <jansson.h>
#include <stddef.h>

#include "fault.h"
#include "json_path.h"
#include "macros.h"
#include "store_rows.h"

/* The names are borrowed from the tree. */
typedef struct fd_json_scores {
    fd_item_score *list; /* malloc'd [n]; the caller frees it */
    size_t n;
} fd_json_scores;

/* Reads an object of scores. -EINVAL with a fault; -ENOMEM. The caller frees the list, also after a
 * failure. */
int fd_json_scores_read(const json_t *value, const fd_path *at, fd_json_scores *ret,
                        fd_fault *fault) FD_MUST_CHECK;

/*
 * Reads the scores of a new item `at`: its member "scores", and the numbers in its metadata that
 * `keys`, a list with commas or blanks, names. The latter are for new items only, and give way to a
 * score of the same name. Both members may be NULL. Errors as above.
 */
int fd_json_scores_of_item(const json_t *scores, const json_t *metadata, const char *keys,
                           const fd_path *at, fd_json_scores *ret, fd_fault *fault) FD_MUST_CHECK;

/* Checks a list of keys. -EINVAL with a fault. */
int fd_json_score_keys_check(const char *keys, fd_fault *fault) FD_MUST_CHECK;

/* The scores as an object, for json_pack's "o". */
json_t *fd_json_scores_write(const fd_item_score *scores, size_t n);

#endif
