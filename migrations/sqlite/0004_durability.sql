-- Columns that allow checking a model's information, and a table for trying whether writes work.

-- A new table, so that the large column stays last. Older models have NULL in both columns.
CREATE TABLE models_with_information (
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
    answers                    INTEGER CHECK (answers >= 0), -- rows of labels that it knew
    logdet                     REAL,                         -- of its information and prior by then
    bytes                      BLOB NOT NULL CHECK (length(bytes) > 0)
) STRICT;

INSERT INTO models_with_information
SELECT version, state, reason, parent, scratch, labels, items, iterations, prior_precision,
    train_loss, held_out_labels, held_out_loss, held_out_accuracy, held_out_accuracy_low,
    held_out_accuracy_high, held_out_calibration_error, control_labels, control_accuracy, seconds,
    created_ms, NULL, NULL, bytes FROM models;

DROP TABLE models;
ALTER TABLE models_with_information RENAME TO models;

CREATE UNIQUE INDEX models_one_is_active ON models (state) WHERE state = 'active';

-- At most one row, without a meaning: after a failure the store writes it to see whether it can.
CREATE TABLE probe (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    bytes BLOB NOT NULL
) STRICT;
