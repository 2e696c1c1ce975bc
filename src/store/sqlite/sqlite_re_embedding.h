/* Re-embedding in SQLite: the table of its operations. */
#ifndef FD_SQLITE_RE_EMBEDDING_H
#define FD_SQLITE_RE_EMBEDDING_H

#include "re_embedding.h"

extern const fd_re_embedding_operations fd_sqlite_re_embedding_operations;

#endif
