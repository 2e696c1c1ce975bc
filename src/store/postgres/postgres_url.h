/* The URL of a PostgreSQL database. */
#ifndef FD_POSTGRES_URL_H
#define FD_POSTGRES_URL_H

#include "fault.h"
#include "macros.h"

/* Checks a URL, and writes it without passwords, as messages may show it; the caller frees it.
 * -EINVAL with a fault that shows nothing of the URL. */
int fd_postgres_url_name(const char *url, char **ret, fd_fault *fault) FD_MUST_CHECK;

#endif
