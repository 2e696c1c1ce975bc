/*
 * A row while it is made: the functions of formats add items and labels to it, or refuse it. Texts
 * are borrowed from the row's JSON tree or owned by the draft. Functions return 0, -EINVAL after a
 * refusal, which the draft keeps, or -ENOMEM.
 */
#ifndef FD_ROW_DRAFT_H
#define FD_ROW_DRAFT_H

#include <jansson.h>

#include "import_parser.h"
#include "json_path.h"

/* A name is the member of the row that a refusal points to. */
enum { FD_ROW_ITEMS_MAX = 256, FD_ROW_LABELS_MAX = 4096 };

typedef struct fd_row_draft {
    const char *format;         /* the annotator of labels that name none */
    const char *score_metadata; /* may be NULL */
    fd_imported_item *items;
    size_t n_items, items_room;
    fd_imported_label *labels;
    size_t n_labels, labels_room;
    void **owned; /* malloc'd */
    size_t n_owned, owned_room;
    json_t **trees;
    size_t n_trees, trees_room;
    const fd_path *at; /* what the names of members are in; NULL: the row */
    fd_fault fault;
} fd_row_draft;

/* Empties the draft, and keeps its room for the next row. */
void fd_row_draft_reset(fd_row_draft *draft);
void fd_row_draft_clear(fd_row_draft *draft);

/* ---- refusing ---- */

/* -EINVAL. `name` is the member, or NULL: the row as a whole. */
int fd_row_refuse(fd_row_draft *draft, const char *name, const char *reason_format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- reading ---- */

/* A text of the row; NULL if it is absent or null. With `is_needed` it is there, and not empty. */
int fd_row_text(fd_row_draft *draft, const json_t *object, const char *name, bool is_needed,
                const char **ret) FD_MUST_CHECK;

/* A number, also one that CSV has as text; NaN if it is absent or null. */
int fd_row_number(fd_row_draft *draft, const json_t *object, const char *name,
                  double *ret) FD_MUST_CHECK;

/* A time: RFC 3339, also with a blank for the T and without an offset (UTC), or a number of
 * seconds (or of milliseconds, from 1e11 on). -1 if it is absent or null. */
int fd_row_time(fd_row_draft *draft, const json_t *object, const char *name,
                int64_t *ret_ms) FD_MUST_CHECK;

/* ---- owning ---- */

/* Takes a malloc'd text or a tree, NULL for one that there was no memory for. */
int fd_row_own(fd_row_draft *draft, void *memory) FD_MUST_CHECK;
int fd_row_own_tree(fd_row_draft *draft, json_t *tree) FD_MUST_CHECK;

/* ---- adding ---- */

/* What a format knows of an item. NULL: absent. */
typedef struct fd_item_source {
    const char *name; /* the member that the response comes from, for refusals */
    const char *id;
    const char *prompt_id;
    const char *prompt;
    const char *response;
    const json_t *metadata; /* an object */
    const json_t *scores;   /* an object of numbers */
    const json_t *embedding;
    bool by_texts; /* as in fd_imported_item; it is so in any case if the id is absent */
} fd_item_source;

/* Adds an item, or finds it among those of the row. Ids that are absent are derived from the texts.
 * *ret_id is its id. */
int fd_row_add_item(fd_row_draft *draft, const fd_item_source *source,
                    const char **ret_id) FD_MUST_CHECK;

/* Adds only the embedding of an item that another row or the database has. */
int fd_row_add_embedding(fd_row_draft *draft, const char *id,
                         const json_t *embedding) FD_MUST_CHECK;

/* Adds a label; the members that may be unknown are as in fd_imported_label, and id and annotator
 * may be NULL. Refuses one about one item. */
int fd_row_add_label(fd_row_draft *draft, const fd_imported_label *label) FD_MUST_CHECK;

#endif
