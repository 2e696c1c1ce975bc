/* Cuts a prompt into turns: a list in JSON, a transcript as in hh-rlhf, or else one turn of the
 * user. */
#include <ctype.h>
#include <string.h>

#include "export_writers.h"

static json_t *turn(const char *role, const char *content, size_t size) {
    return json_pack("{s:s, s:s%}", "role", role, "content", content, size);
}

/* ---- a list in JSON ---- */

static bool is_turn(const json_t *value) {
    return json_is_string(json_object_get(value, "role")) &&
           json_is_string(json_object_get(value, "content"));
}

/* NULL unless the prompt is a list of turns. */
static json_t *turns_of_json(const char *prompt) {
    if (prompt[strspn(prompt, " \t\r\n")] != '[')
        return NULL;
    json_t *list = json_loads(prompt, JSON_REJECT_DUPLICATES, NULL);
    size_t n = json_array_size(list), i = 0;
    while (i < n && is_turn(json_array_get(list, i)))
        i++;
    if (n > 0 && i == n)
        return list;
    json_decref(list);
    return NULL;
}

/* ---- a transcript ---- */

static const struct speaker {
    const char *mark;
    const char *role;
} speakers[] = {{"\n\nHuman:", "user"}, {"\n\nAssistant:", "assistant"}};

static const struct speaker *speaker_at(const char *text) {
    for (size_t i = 0; i < FD_LENGTH(speakers); i++)
        if (strncmp(text, speakers[i].mark, strlen(speakers[i].mark)) == 0)
            return &speakers[i];
    return NULL;
}

/* The next place where somebody speaks, or the end. */
static const char *next_speaker(const char *text) {
    const char *at = strstr(text, "\n\n");
    while (at && !speaker_at(at))
        at = strstr(at + 1, "\n\n");
    return at ? at : text + strlen(text);
}

static json_t *turns_of_transcript(const char *text) {
    json_t *list = json_array();
    bool is_whole = list != NULL;
    for (const struct speaker *speaker; is_whole && (speaker = speaker_at(text));) {
        const char *begin = text + strlen(speaker->mark);
        text = next_speaker(begin);
        begin += strspn(begin, " ");
        size_t size = begin < text ? (size_t)(text - begin) : 0;
        while (size > 0 && isspace((unsigned char)begin[size - 1]))
            size--;
        /* The last turn may be empty: it is the one that the response fills. */
        if (size > 0 || *text != '\0')
            is_whole = json_array_append_new(list, turn(speaker->role, begin, size)) == 0;
    }
    if (is_whole)
        return list;
    json_decref(list);
    return NULL;
}

json_t *fd_export_turns(const char *prompt) {
    json_t *list = turns_of_json(prompt);
    if (list)
        return list;
    if (speaker_at(prompt))
        return turns_of_transcript(prompt);
    return json_pack("[o]", turn("user", prompt, strlen(prompt)));
}
