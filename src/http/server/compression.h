/* Compresses responses with gzip, for clients that ask for it. */
#ifndef FD_COMPRESSION_H
#define FD_COMPRESSION_H

#include <stdbool.h>

#include "response.h"
#include "transaction.h"

/* Whether an Accept-Encoding header (NULL: none) allows gzip. */
bool fd_compression_is_accepted(const char *accept_encoding);

/* Compresses the body of a large response of text that holds no secret, if the client accepts that,
 * there is memory for it and it becomes smaller. */
void fd_compression_apply(fd_transaction *transaction, fd_response *response);

#endif
