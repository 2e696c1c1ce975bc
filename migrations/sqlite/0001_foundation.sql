-- Items, the history of labels, and models.

-- Large columns come last: reading the others does not touch their pages.
CREATE TABLE items (
    idx        INTEGER PRIMARY KEY CHECK (idx BETWEEN 0 AND 4294967295),
    id         TEXT NOT NULL UNIQUE,
    prompt_id  TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    dimension  INTEGER NOT NULL,
    prompt     TEXT,
    response   TEXT,
    metadata   TEXT,
    embedding  BLOB NOT NULL CHECK (length(embedding) = 4 * dimension)
) STRICT;

CREATE TABLE labels (
    sequence    INTEGER PRIMARY KEY CHECK (sequence > 0),
    id          TEXT NOT NULL,
    revision    INTEGER NOT NULL CHECK (revision BETWEEN 0 AND 4294967295),
    item_a      INTEGER NOT NULL REFERENCES items,
    item_b      INTEGER NOT NULL REFERENCES items,
    preference  TEXT NOT NULL CHECK (preference IN ('a', 'b', 'tie', 'skip', 'retracted')),
    annotator   TEXT NOT NULL,
    assignment  TEXT,
    duration_ms INTEGER NOT NULL,
    created_ms  INTEGER NOT NULL,
    UNIQUE (id, revision),
    CHECK (item_a <> item_b)
) STRICT;

-- NULL: not measured.
CREATE TABLE models (
    version           INTEGER PRIMARY KEY CHECK (version > 0),
    labels            INTEGER NOT NULL,
    items             INTEGER NOT NULL,
    iterations        INTEGER NOT NULL,
    train_loss        REAL,
    held_out_loss     REAL,
    held_out_accuracy REAL,
    held_out_labels   INTEGER NOT NULL,
    seconds           REAL NOT NULL,
    created_ms        INTEGER NOT NULL,
    bytes             BLOB NOT NULL CHECK (length(bytes) > 0)
) STRICT;

CREATE TRIGGER items_are_not_updated BEFORE UPDATE ON items
BEGIN
    SELECT RAISE(ABORT, 'items are immutable');
END;

CREATE TRIGGER items_are_not_deleted BEFORE DELETE ON items
BEGIN
    SELECT RAISE(ABORT, 'items are immutable');
END;

CREATE TRIGGER labels_are_not_updated BEFORE UPDATE ON labels
BEGIN
    SELECT RAISE(ABORT, 'the history of labels is append-only');
END;

CREATE TRIGGER labels_are_not_deleted BEFORE DELETE ON labels
BEGIN
    SELECT RAISE(ABORT, 'the history of labels is append-only');
END;
