/* Re-embedding in PostgreSQL: the table of its operations. */
#ifndef FD_POSTGRES_RE_EMBEDDING_H
#define FD_POSTGRES_RE_EMBEDDING_H

#include "re_embedding.h"

extern const fd_re_embedding_operations fd_postgres_re_embedding_operations;

#endif
