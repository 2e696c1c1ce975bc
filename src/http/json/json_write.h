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

/* A page: {name: rows, "next_cursor": cursor or null}. Takes the rows. */
json_t *fd_json_page(const char *name, json_t *rows, bool more, int64_t cursor);

/* Responds with a tree, which it takes; with 503 if it is NULL. */
void fd_json_respond(fd_response *response, unsigned status, json_t *tree);

#endif
