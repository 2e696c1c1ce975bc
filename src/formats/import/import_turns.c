/* Reads turns, and makes prompts and responses of them. */
#include "import_turns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- one turn ---- */

static const char *role_of(const json_t *turn) {
    static const char *const others[][2] = {
        {"human", "user"}, {"gpt", "assistant"}, {"bot", "assistant"}, {"model", "assistant"}};
    const char *role = json_string_value(json_object_get(turn, "role"));
    if (!role)
        role = json_string_value(json_object_get(turn, "from"));
    for (size_t i = 0; role && i < FD_LENGTH(others); i++)
        if (strcmp(role, others[i][0]) == 0)
            return others[i][1];
    return role;
}

/* A text, or the name of what a part is instead; NULL: it is no part. */
static json_t *text_of_part(const json_t *part) {
    const char *type = json_string_value(json_object_get(part, "type"));
    json_t *text = json_object_get(part, "text");
    if (json_is_string(part))
        return json_incref((json_t *)part);
    if (json_is_string(text))
        return json_incref(text);
    if (!type)
        return NULL;
    return strncmp(type, "image", strlen("image")) == 0 ? json_string("[image]")
                                                        : json_sprintf("[%.40s]", type);
}

static json_t *join_parts(const json_t *parts) {
    json_t *joined = json_string(""), *part;
    size_t i;
    json_array_foreach(parts, i, part) {
        json_t *text = text_of_part(part);
        json_t *longer = text && joined ? json_sprintf("%s%s%s", json_string_value(joined),
                                                       i > 0 ? "\n" : "", json_string_value(text))
                                        : NULL;
        json_decref(text);
        json_decref(joined);
        joined = longer;
    }
    return joined;
}

static json_t *content_of(const json_t *turn) {
    json_t *content = json_object_get(turn, "content");
    if (!content)
        content = json_object_get(turn, "value");
    if (json_is_array(content))
        return join_parts(content);
    return json_is_string(content) ? json_incref(content) : NULL;
}

int fd_row_turns(fd_row_draft *draft, const json_t *list, const char *name, json_t **ret) {
    json_t *turns = json_array(), *turn;
    size_t i;
    *ret = turns;
    int r = fd_row_own_tree(draft, turns);
    if (r == 0 && !json_is_array(list))
        return fd_row_refuse(draft, name, "must be a list of turns");
    json_array_foreach(list, i, turn) {
        const char *role = role_of(turn);
        json_t *content = role ? content_of(turn) : NULL;
        if (!content)
            return fd_row_refuse(draft, name, "must be a list of {\"role\", \"content\"}");
        if (r == 0)
            r = json_array_append_new(turns,
                                      json_pack("{s:s, s:o}", "role", role, "content", content));
        if (r < 0)
            return -ENOMEM;
    }
    return r;
}

/* ---- prompts ---- */

static const char *text_at(const json_t *turns, size_t place, const char *member) {
    return json_string_value(json_object_get(json_array_get(turns, place), member));
}

int fd_row_prompt_of(fd_row_draft *draft, const json_t *turns, size_t last, const char **ret) {
    if (last == 1 && strcmp(text_at(turns, 0, "role"), "user") == 0) {
        *ret = text_at(turns, 0, "content");
        return 0;
    }
    json_t *prompt = json_array();
    int r = fd_row_own_tree(draft, prompt);
    for (size_t i = 0; i < last && r == 0; i++)
        r = json_array_append(prompt, json_array_get(turns, i)) < 0 ? -ENOMEM : 0;
    char *text = r == 0 ? json_dumps(prompt, JSON_COMPACT) : NULL;
    *ret = text;
    return r < 0 ? r : fd_row_own(draft, text);
}

int fd_row_prompt(fd_row_draft *draft, const json_t *object, const char *name, bool is_needed,
                  const char **ret) {
    const json_t *value = json_object_get(object, name);
    json_t *turns;
    if (!json_is_array(value))
        return fd_row_text(draft, object, name, is_needed, ret);
    if (json_array_size(value) == 0)
        return fd_row_refuse(draft, name, "is empty");
    int r = fd_row_turns(draft, value, name, &turns);
    return r < 0 ? r : fd_row_prompt_of(draft, turns, json_array_size(turns), ret);
}

/* ---- responses ---- */

static const char *mark_of(const char *role) {
    return strcmp(role, "user") == 0        ? "Human"
           : strcmp(role, "assistant") == 0 ? "Assistant"
                                            : role;
}

int fd_row_response_of(fd_row_draft *draft, const json_t *turns, size_t first, const char *name,
                       const char **ret) {
    size_t n = json_array_size(turns), size = 0;
    char *text = NULL;
    *ret = NULL;
    if (first >= n || strcmp(text_at(turns, first, "role"), "assistant") != 0)
        return fd_row_refuse(draft, name, "has no turn of the assistant after the prompt");
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return -ENOMEM;
    for (size_t i = first; i < n; i++) {
        if (i > first)
            (void)fprintf(out, "\n\n%s: ", mark_of(text_at(turns, i, "role")));
        (void)fputs(text_at(turns, i, "content"), out);
    }
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    *ret = text;
    int r = fd_row_own(draft, text);
    return r == 0 && *text == '\0' ? fd_row_refuse(draft, name, "is empty") : r;
}

int fd_row_response(fd_row_draft *draft, const json_t *object, const char *name, const char **ret) {
    const json_t *value = json_object_get(object, name);
    json_t *turns;
    if (!json_is_array(value))
        return fd_row_text(draft, object, name, true, ret);
    int r = fd_row_turns(draft, value, name, &turns);
    return r < 0 ? r : fd_row_response_of(draft, turns, 0, name, ret);
}
