-- Model versions, so that an older one can serve again: their state, their origin, more figures.

-- A new table rather than ALTER TABLE, so that the large column stays last. NULL: unknown.
CREATE TABLE models_with_state (
    version                    INTEGER PRIMARY KEY CHECK (version > 0),
    state                      TEXT NOT NULL CHECK (state IN ('active', 'stored', 'rejected')),
    reason                     TEXT,
    parent                     INTEGER NOT NULL CHECK (parent BETWEEN 0 AND version - 1),
    scratch                    INTEGER CHECK (scratch IN (0, 1)),
    labels                     INTEGER NOT NULL,
    items                      INTEGER NOT NULL,
    iterations                 INTEGER NOT NULL,
    prior_precision            REAL,
    train_loss                 REAL,
    held_out_labels            INTEGER NOT NULL,
    held_out_loss              REAL,
    held_out_accuracy          REAL,
    held_out_accuracy_low      REAL,
    held_out_accuracy_high     REAL,
    held_out_calibration_error REAL,
    control_labels             INTEGER NOT NULL,
    control_accuracy           REAL,
    seconds                    REAL NOT NULL,
    created_ms                 INTEGER NOT NULL,
    bytes                      BLOB NOT NULL CHECK (length(bytes) > 0)
) STRICT;

INSERT INTO models_with_state (version, state, parent, labels, items, iterations, train_loss,
    held_out_labels, held_out_loss, held_out_accuracy, control_labels, seconds, created_ms, bytes)
SELECT version, 'stored', 0, labels, items, iterations, train_loss,
    held_out_labels, held_out_loss, held_out_accuracy, 0, seconds, created_ms, bytes FROM models;

DROP TABLE models;
ALTER TABLE models_with_state RENAME TO models;

CREATE UNIQUE INDEX models_one_is_active ON models (state) WHERE state = 'active';
