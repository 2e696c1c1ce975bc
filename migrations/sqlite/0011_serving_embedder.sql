-- Which embedder's vectors serve. Those of one with a higher number are being made, to take their
-- place once every item has one; any others are left over.
CREATE TABLE serving_embedder (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    embedder INTEGER NOT NULL CHECK (embedder >= 0) -- as in item_embeddings
) STRICT;

INSERT INTO serving_embedder VALUES (1, 0);

-- The embedder whose vectors a model was trained on: it knows nothing about those of another one.
ALTER TABLE models ADD COLUMN embedder INTEGER NOT NULL DEFAULT 0;
