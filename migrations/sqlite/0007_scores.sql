-- Scores of items that people knew before, and the settings of the project.

-- The history of scores; the newest row of an item and a name counts. NULL: withdrawn.
CREATE TABLE item_scores (
    sequence INTEGER PRIMARY KEY CHECK (sequence > 0),
    idx      INTEGER NOT NULL REFERENCES items,
    name     TEXT NOT NULL,
    value    REAL,
    set_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX item_scores_by_name ON item_scores (idx, name);

-- Each change of the settings is a row of all of them, as JSON.
CREATE TABLE project (
    version    INTEGER PRIMARY KEY CHECK (version > 0),
    author     TEXT,
    created_ms INTEGER NOT NULL,
    settings   TEXT NOT NULL
) STRICT;

CREATE TRIGGER item_scores_are_not_updated BEFORE UPDATE ON item_scores
BEGIN
    SELECT RAISE(ABORT, 'the history of scores is append-only');
END;

CREATE TRIGGER item_scores_are_not_deleted BEFORE DELETE ON item_scores
BEGIN
    SELECT RAISE(ABORT, 'the history of scores is append-only');
END;

CREATE TRIGGER project_is_not_updated BEFORE UPDATE ON project
BEGIN
    SELECT RAISE(ABORT, 'the history of the project is append-only');
END;

CREATE TRIGGER project_is_not_deleted BEFORE DELETE ON project
BEGIN
    SELECT RAISE(ABORT, 'the history of the project is append-only');
END;
