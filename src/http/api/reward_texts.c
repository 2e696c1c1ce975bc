/* Splits what a model read and wrote. */
#include "reward_texts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CUT_MIN = 16 }; /* bytes of a prompt that are not a coincidence */

static bool is_set(const char *mark) {
    return mark && mark[0] != '\0';
}

/* The longest beginning of `query` that is an end of `prompt`, by Knuth, Morris and Pratt. */
static int find_overlap(const char *query, const char *prompt, size_t *ret) {
    size_t length = strlen(query), matched = 0;
    FD_FREE uint32_t *borders = calloc(length + 1, sizeof(*borders));
    if (!borders)
        return -ENOMEM;
    for (size_t i = 1, k = 0; i < length; i++) {
        while (k > 0 && query[i] != query[k])
            k = borders[k - 1];
        k += query[i] == query[k];
        borders[i] = (uint32_t)k;
    }
    for (const char *at = prompt; *at; at++) {
        while (matched > 0 && (matched == length || *at != query[matched]))
            matched = borders[matched - 1];
        matched += length > 0 && *at == query[matched];
    }
    *ret = matched;
    return 0;
}

/* The bytes of the query that are the prompt. */
static int find_prompt(const char *query, const char *prompt, size_t *ret) {
    size_t length = strlen(prompt);
    *ret = length;
    if (strncmp(query, prompt, length) == 0)
        return 0;
    int r = find_overlap(query, prompt, ret);
    return r < 0 || *ret >= CUT_MIN ? r : -EINVAL;
}

static const char *find_last(const char *text, const char *mark) {
    const char *found = NULL;
    for (const char *at = strstr(text, mark); at; at = strstr(at + 1, mark))
        found = at;
    return found;
}

/* What lies between the marks: `text` is cut in place. */
static char *between_marks(char *text, const fd_reward_marks *marks) {
    const char *start = is_set(marks->prompt_start) ? find_last(text, marks->prompt_start) : NULL;
    char *begin = start ? text + (start - text) + strlen(marks->prompt_start) : text;
    char *end = is_set(marks->prompt_end) ? strstr(begin, marks->prompt_end) : NULL;
    if (end)
        *end = '\0';
    return strdup(begin);
}

int fd_reward_texts_split(const char *query, const char *prompt, const fd_reward_marks *marks,
                          fd_reward_texts *ret) {
    size_t split = 0;
    bool has_prompt = prompt || is_set(marks->prompt_end);
    if (prompt) {
        int r = find_prompt(query, prompt, &split);
        if (r < 0)
            return r;
    } else if (has_prompt) {
        const char *mark = find_last(query, marks->prompt_end);
        if (!mark)
            return -EINVAL;
        split = (size_t)(mark - query) + strlen(marks->prompt_end);
    }
    FD_FREE char *whole = prompt ? strdup(prompt) : strndup(query, split);
    FD_FREE char *found = has_prompt && whole ? between_marks(whole, marks) : NULL;
    char *response = strdup(query + split);
    if (!whole || !response || (has_prompt && !found)) {
        free(response);
        return -ENOMEM;
    }
    char *end = is_set(marks->response_end) ? strstr(response, marks->response_end) : NULL;
    if (end)
        *end = '\0';
    *ret = (fd_reward_texts){FD_STEAL(found), response};
    return 0;
}

void fd_reward_texts_clear(fd_reward_texts *texts) {
    free(texts->prompt);
    free(texts->response);
    *texts = (fd_reward_texts){0};
}
