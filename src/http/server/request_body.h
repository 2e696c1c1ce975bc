/* The body of a request, collected as it arrives, within its limit and the memory budget. */
#ifndef FD_REQUEST_BODY_H
#define FD_REQUEST_BODY_H

#include "transaction.h"

/* Appends bytes. What cannot be kept sets body_error, and all that follows is dropped. */
void fd_request_body_append(fd_transaction *transaction, const char *data, size_t size);

/* Frees the body, and gives back all memory that the transaction took from the budget. */
void fd_request_body_free(fd_transaction *transaction);

/* The words for body_error. */
const char *fd_request_body_error(const fd_transaction *transaction);

#endif
