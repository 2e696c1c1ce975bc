-- Which embedder made the vectors of item_embeddings, where that is known.

-- The probes are the vectors of fixed texts: two embedders that give the same are the same. Its row
-- may change as long as there is no item.
CREATE TABLE embedders (
    embedder   INTEGER PRIMARY KEY CHECK (embedder >= 0), -- as in item_embeddings
    name       TEXT NOT NULL,
    template   TEXT NOT NULL,                             -- of prompt and response
    dimension  INTEGER NOT NULL CHECK (dimension > 0),
    probes     BLOB NOT NULL CHECK (length(probes) > 0 AND length(probes) % (4 * dimension) = 0),
    created_ms INTEGER NOT NULL
) STRICT;
