-- Text features: float32 numbers that an extractor counted in an item's prompt and response.

-- An item without texts has no row; one whose row is missing, or of another version, gets it later.
CREATE TABLE item_text_features (
    idx     INTEGER PRIMARY KEY REFERENCES items,
    version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 4294967295), -- of the extractor
    bytes   BLOB NOT NULL CHECK (length(bytes) % 4 = 0)
) STRICT;
