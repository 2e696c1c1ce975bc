/* Runs the import's parser over a text and writes down what came out, one line each. */
#ifndef IMPORTED_H
#define IMPORTED_H

#include <stddef.h>

#include "import_parser.h"

/* The rows and refusals of a text, fed in pieces of `piece` bytes, as lines:
 *     LINE item ID PROMPT_ID PROMPT|RESPONSE METADATA NAME=SCORE [dimension]
 *     LINE label ID A PREFERENCE B ANNOTATOR CREATED DURATION COMMENT
 *     LINE refused POINTER: REASON
 *     failed ERROR: REASON
 *     format NAME
 * Texts are in the quotes and escapes of JSON. Malloc'd. */
char *imported(const fd_import_settings *settings, const char *text, size_t size, size_t piece);

#endif
