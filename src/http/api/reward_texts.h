/*
 * Finds prompt and response in the texts that trainers send for a reward: a query is what the model
 * read and wrote, with the marks of its chat template.
 */
#ifndef FD_REWARD_TEXTS_H
#define FD_REWARD_TEXTS_H

#include <stddef.h>

#include "macros.h"

/* Each may be NULL or "": there is none. */
typedef struct fd_reward_marks {
    const char *prompt_start; /* the prompt begins after the last one */
    const char *prompt_end;   /* and ends before the next one */
    const char *response_end; /* the response ends before the first one */
} fd_reward_marks;

/* Both malloc'd. */
typedef struct fd_reward_texts {
    char *prompt; /* NULL: unknown */
    char *response;
} fd_reward_texts;

/*
 * Splits a query behind its prompt. A trainer may have cut the beginning of a long prompt, so that
 * the query begins with its end; this counts from 16 bytes on. With a NULL prompt the query is
 * split behind the last `prompt_end`; without such a mark all of it is the response. -EINVAL: the
 * query does not begin with the prompt, or does not have the mark. -ENOMEM. The caller frees the
 * texts.
 */
int fd_reward_texts_split(const char *query, const char *prompt, const fd_reward_marks *marks,
                          fd_reward_texts *ret) FD_MUST_CHECK;
void fd_reward_texts_clear(fd_reward_texts *texts);

#endif
