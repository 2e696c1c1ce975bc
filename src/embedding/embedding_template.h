/*
 * How the texts of an item become the texts that an embedder gets.
 *
 * A template has one or two parts, with '|' between them. Each part is embedded apart, and the
 * vectors lie side by side. {prompt} and {response} stand for the item's texts, \n for a new line,
 * \| and \\ for the character itself.
 */
#ifndef FD_EMBEDDING_TEMPLATE_H
#define FD_EMBEDDING_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"
#include "macros.h"

enum { FD_TEMPLATE_PARTS = 2 };

typedef struct fd_embedding_template {
    size_t n;
    char *parts[FD_TEMPLATE_PARTS]; /* without escapes */
    bool is_apart; /* two parts: one of the prompt alone, then one of the response alone */
} fd_embedding_template;

/* -EINVAL with a fault; -ENOMEM. */
int fd_embedding_template_parse(const char *text, fd_embedding_template *ret,
                                fd_fault *fault) FD_MUST_CHECK;
void fd_embedding_template_clear(fd_embedding_template *template);

/* The text of a part; NULL and "" are empty texts. "" if all texts that the part names are empty:
 * its vector has only zeros. The caller frees *ret. -ENOMEM. */
int fd_embedding_template_fill(const fd_embedding_template *template, size_t part,
                               const char *prompt, const char *response, char **ret) FD_MUST_CHECK;

#endif
