/* The format "items": one item a row, as POST /v1/items takes it. Members that are none of an
 * item's are metadata, and ids that are missing are derived. */
#include <errno.h>

#include "import_formats.h"
#include "import_turns.h"

bool fd_import_fits_items(const json_t *row) {
    return json_object_get(row, "response") != NULL ||
           (json_object_get(row, "id") && json_object_get(row, "prompt_id"));
}

/* Puts the members of "metadata" next to the others. */
static int merge_metadata(fd_row_draft *draft, json_t *rest) {
    json_t *given = json_incref(json_object_get(rest, "metadata")), *value;
    const char *name;
    int r = given ? fd_row_own_tree(draft, given) : 0;
    (void)json_object_del(rest, "metadata");
    if (r == 0 && given && !json_is_object(given) && !json_is_null(given))
        return fd_row_refuse(draft, "metadata", "must be an object");
    json_object_foreach(given, name, value) {
        if (r == 0 && json_object_get(rest, name))
            return fd_row_refuse(draft, name, "is in \"metadata\" and next to it");
        if (r == 0 && json_object_set(rest, name, value) < 0)
            return -ENOMEM;
    }
    return r;
}

static int take_metadata(fd_row_draft *draft, const json_t *row, const json_t **ret) {
    static const char *const members[] = {"id",       "prompt_id", "prompt",
                                          "response", "scores",    "embedding"};
    json_t *rest = json_copy((json_t *)row);
    *ret = rest;
    int r = fd_row_own_tree(draft, rest);
    for (size_t i = 0; r == 0 && i < FD_LENGTH(members); i++)
        (void)json_object_del(rest, members[i]);
    return r < 0 ? r : merge_metadata(draft, rest);
}

static const json_t *given(const json_t *row, const char *name) {
    const json_t *value = json_object_get(row, name);
    return json_is_null(value) ? NULL : value;
}

int fd_import_read_items(fd_row_draft *draft, const json_t *row) {
    const char *id;
    fd_item_source source = {.scores = given(row, "scores"), .embedding = given(row, "embedding")};
    int r = fd_row_text(draft, row, "id", false, &source.id);
    if (r == 0)
        r = fd_row_text(draft, row, "prompt_id", false, &source.prompt_id);
    if (r == 0)
        r = fd_row_prompt(draft, row, "prompt", false, &source.prompt);
    if (r == 0)
        r = fd_row_text(draft, row, "response", false, &source.response);
    if (r == 0)
        r = take_metadata(draft, row, &source.metadata);
    return r < 0 ? r : fd_row_add_item(draft, &source, &id);
}
