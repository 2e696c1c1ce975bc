-- Embeddings in a table of their own, and the assignments.

-- A new table for items, because a column cannot be dropped while triggers and checks name it.
CREATE TABLE items_with_texts (
    idx        INTEGER PRIMARY KEY CHECK (idx BETWEEN 0 AND 4294967295),
    id         TEXT NOT NULL UNIQUE,
    prompt_id  TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    prompt     TEXT,
    response   TEXT,
    metadata   TEXT
) STRICT;

-- An item may have a vector of each embedder. 0: the vector came with the item.
CREATE TABLE item_embeddings (
    embedder INTEGER NOT NULL CHECK (embedder >= 0),
    idx      INTEGER NOT NULL REFERENCES items,
    bytes    BLOB NOT NULL CHECK (length(bytes) % 4 = 0),
    PRIMARY KEY (embedder, idx)
) STRICT;

INSERT INTO items_with_texts SELECT idx, id, prompt_id, created_ms, prompt, response, metadata
FROM items ORDER BY idx;
INSERT INTO item_embeddings SELECT 0, idx, embedding FROM items ORDER BY idx;

DROP TABLE items;
ALTER TABLE items_with_texts RENAME TO items;

CREATE TRIGGER items_are_not_updated BEFORE UPDATE ON items
BEGIN
    SELECT RAISE(ABORT, 'items are immutable');
END;

CREATE TRIGGER items_are_not_deleted BEFORE DELETE ON items
BEGIN
    SELECT RAISE(ABORT, 'items are immutable');
END;

-- The pairs that were handed out. NULL: unknown.
CREATE TABLE assignments (
    id            TEXT NOT NULL UNIQUE,
    item_a        INTEGER NOT NULL REFERENCES items,
    item_b        INTEGER NOT NULL REFERENCES items,
    annotator     TEXT NOT NULL,
    slot          INTEGER CHECK (slot >= 0),           -- annotators that had the pair before
    arm           TEXT NOT NULL CHECK (arm IN ('active', 'control')),
    p             REAL,                                -- the probability that item_a is preferred
    gain          REAL,
    strategy      TEXT,
    swapped       INTEGER CHECK (swapped IN (0, 1)),   -- 1: item_b was shown on the left
    model_version INTEGER CHECK (model_version >= 0),
    expires_ms    INTEGER,
    ended_ms      INTEGER,                             -- NULL: open
    CHECK (item_a <> item_b)
) STRICT;

CREATE INDEX assignments_that_are_open ON assignments (id) WHERE ended_ms IS NULL;

-- The key of the hash in the ids of assignments.
CREATE TABLE assignment_key (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    bytes BLOB NOT NULL CHECK (length(bytes) = 32)
) STRICT;

INSERT INTO assignment_key VALUES (1, randomblob(32));

-- Until now an id told its arm (a or c) and p in three hexadecimal digits, and nothing else was
-- kept. A label names the items in the order in which they were shown. The first label counts.
INSERT INTO assignments (id, item_a, item_b, annotator, arm, p, ended_ms)
SELECT assignment, item_a, item_b, annotator,
    CASE substr(assignment, 1, 1) WHEN 'c' THEN 'control' ELSE 'active' END,
    ((instr('0123456789abcdef', substr(assignment, 2, 1)) - 1) * 256
     + (instr('0123456789abcdef', substr(assignment, 3, 1)) - 1) * 16
     + (instr('0123456789abcdef', substr(assignment, 4, 1)) - 1)) / 4094.0,
    created_ms
FROM labels WHERE revision = 0 AND length(assignment) = 29
    AND substr(assignment, 1, 5) GLOB '[ac][0-9a-f][0-9a-f][0-9a-f]-'
    AND substr(assignment, 6) NOT GLOB '*[^0-9a-f]*'
ORDER BY sequence
ON CONFLICT (id) DO NOTHING;
