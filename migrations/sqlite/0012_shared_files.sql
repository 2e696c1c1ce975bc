-- Bytes under a name: what replicas keep in their store, and a daemon of one process in files
-- beside its database. `fisherd copy` notes here that a copy has begun.
CREATE TABLE shared_files (
    name    TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0), -- each writing adds 1
    bytes   BLOB NOT NULL
) STRICT;
