-- The components of items, which a model's input statistics make of their embeddings, in blocks of
-- as many items: a start reads them instead of projecting. They can be made again at any time.
CREATE TABLE component_blocks (
    inputs TEXT NOT NULL,                              -- a hash: whose components these are
    block  INTEGER NOT NULL CHECK (block >= 0),
    bytes  BLOB NOT NULL,
    PRIMARY KEY (inputs, block)
) STRICT;
