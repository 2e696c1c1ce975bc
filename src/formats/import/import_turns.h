/*
 * Prompts and responses as texts or as turns. A prompt of one turn of the user is its text;
 * another list of turns is kept as compact JSON, [{"role":…,"content":…},…], which the exports take
 * as it is. A response of one turn is its text; the later turns of a longer one follow as in a
 * transcript: "\n\nHuman: …\n\nAssistant: …".
 *
 * A turn is {"role", "content"}, or {"from", "value"} as ShareGPT has it. The content is a text, or
 * a list of parts: texts are joined, and what is no text is named, such as "[image]".
 */
#ifndef FD_IMPORT_TURNS_H
#define FD_IMPORT_TURNS_H

#include "row_draft.h"

/* A prompt that is a text or a list of turns. */
int fd_row_prompt(fd_row_draft *draft, const json_t *object, const char *name, bool is_needed,
                  const char **ret) FD_MUST_CHECK;

/* A response that is a text or a list of turns. */
int fd_row_response(fd_row_draft *draft, const json_t *object, const char *name,
                    const char **ret) FD_MUST_CHECK;

/* A list of {"role", "content"}, which the draft owns. */
int fd_row_turns(fd_row_draft *draft, const json_t *list, const char *name,
                 json_t **ret) FD_MUST_CHECK;

/* The first `last` turns as a prompt; the turns from `first` on as a response. */
int fd_row_prompt_of(fd_row_draft *draft, const json_t *turns, size_t last,
                     const char **ret) FD_MUST_CHECK;
int fd_row_response_of(fd_row_draft *draft, const json_t *turns, size_t first, const char *name,
                       const char **ret) FD_MUST_CHECK;

#endif
