-- Embedding jobs: what requests left to be embedded, and what became of it.

-- A request with an idempotency key that was answered at once has a row too, without items.
CREATE TABLE embedding_jobs (
    sequence    INTEGER PRIMARY KEY CHECK (sequence > 0),
    id          TEXT NOT NULL UNIQUE,
    author      TEXT NOT NULL,                 -- the name of a token; '': there are none
    key         TEXT,                          -- the author's idempotency key
    body_hash   BLOB NOT NULL CHECK (length(body_hash) = 32),
    immediate   INTEGER NOT NULL CHECK (immediate IN (0, 1)), -- 1: answered at once
    state       TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    items       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,              -- of the contents
    total       INTEGER NOT NULL,              -- texts to embed
    done        INTEGER NOT NULL CHECK (done BETWEEN 0 AND total),
    created     INTEGER NOT NULL,              -- items that it added
    unchanged   INTEGER NOT NULL,
    error       TEXT,
    embedder_ms INTEGER NOT NULL,              -- created_ms of the embedder that made the vectors
    created_ms  INTEGER NOT NULL,
    started_ms  INTEGER,
    finished_ms INTEGER
) STRICT;

CREATE UNIQUE INDEX embedding_jobs_by_key ON embedding_jobs (author, key) WHERE key IS NOT NULL;

-- Of jobs that have not ended. Large columns come last.
CREATE TABLE embedding_job_items (
    job     INTEGER NOT NULL REFERENCES embedding_jobs,
    place   INTEGER NOT NULL CHECK (place >= 0),
    wanted  INTEGER NOT NULL CHECK (wanted IN (0, 1)), -- 1: its texts are to be embedded
    content TEXT NOT NULL,                             -- JSON of the item
    PRIMARY KEY (job, place)
) STRICT;

CREATE TABLE embedding_job_vectors (
    job   INTEGER NOT NULL,
    place INTEGER NOT NULL,
    bytes BLOB NOT NULL CHECK (length(bytes) % 4 = 0),
    PRIMARY KEY (job, place),
    FOREIGN KEY (job, place) REFERENCES embedding_job_items
) STRICT;
