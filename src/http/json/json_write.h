/* Writes responses in JSON. The values are for json_pack's "o"; NULL stands for a lack of memory.
 */
#ifndef FD_JSON_WRITE_H
#define FD_JSON_WRITE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "response.h"

json_t *fd_json_real(double number);        /* null unless finite */
json_t *fd_json_time(int64_t milliseconds); /* since 1970, as RFC 3339 in UTC */

/* ---- long responses, written row by row, so that there is never a tree of all of them ---- */

/* Starts as all zero. */
typedef struct fd_json_text {
    char *bytes;
    size_t size, room;
    size_t rows;
    bool has_failed; /* there was no memory */
} fd_json_text;

void fd_json_text_clear(fd_json_text *text);

/* Adds literal JSON. */
void fd_json_text_add(fd_json_text *text, const char *literal);

/* Adds bytes to an fd_json_text; -1 if there is no memory. For writers that call back. */
int fd_json_text_append(const char *bytes, size_t size, void *text);

/* Adds a value, or a row with a comma before all but the first one. Both take it. -ENOMEM. */
int fd_json_text_add_value(fd_json_text *text, json_t *value);
int fd_json_text_add_row(fd_json_text *text, json_t *row);

/* Responds with the text, which it takes; with 503 if there was no memory for it. */
void fd_json_text_respond(fd_response *response, unsigned status, fd_json_text *text);

/* Ends a page whose text is {name: [rows, and responds with it. */
void fd_json_respond_page(fd_response *response, fd_json_text *text, bool more, int64_t cursor);

/* ---- other responses ---- */

/* Responds with a tree, which it takes; with 503 if it is NULL. */
void fd_json_respond(fd_response *response, unsigned status, json_t *tree);

#endif
